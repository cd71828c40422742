"""The only place for the round trips that decide whether a part is ready, as plain blocking calls.

The clients themselves live in `runtime.probe` and `sinks.s3`; this module only binds them to the stack's endpoints.
"""

from __future__ import annotations

import asyncio

from stream_app.dev.parts import BUCKETS, PROBE_BUCKET, PROBE_IDENTITY
from stream_app.dev.state import Endpoints


def kafka(endpoints: Endpoints) -> float:
    """Produce one record and fetch it back. Returns milliseconds; raises whatever the client raised."""
    from stream_app.runtime.probe import round_trip

    return asyncio.run(round_trip(endpoints.kafka_bootstrap))


def s3(endpoints: Endpoints) -> float:
    """Make sure that all buckets exist, put one object and get it back. Returns milliseconds of put and get."""
    from stream_app.sinks.s3 import S3ObjectStore

    keys = endpoints.credentials[PROBE_IDENTITY]

    async def probe() -> float:
        store = S3ObjectStore(
            endpoint_url=endpoints.s3_endpoint,
            access_key=keys.access_key,
            secret_key=keys.secret_key,
            attempts=1,
            timeout_seconds=5.0,
        )
        async with store:
            for bucket in BUCKETS:
                await store.ensure_bucket(bucket)
            return await store.round_trip(PROBE_BUCKET)

    return asyncio.run(probe())
