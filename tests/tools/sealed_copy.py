"""The contract's call, sealed and signed by a key of the tests' own: a copy of the bucket, by path."""

from __future__ import annotations

import asyncio
import json
from functools import cache

from stream_app.core.attestation import TrustedKey
from stream_app.engines.signing import Ed25519Signer, trust_document
from stream_app.pipeline.ports import Incoming
from stream_app.pipeline.seal import Sealer
from tests.examples import PACKET_BUCKET, PRODUCED_BY, RAW_BUCKET, contract_order, contract_sources
from tests.fakes import InMemoryObjectStore

SIGNER = Ed25519Signer.generate()
TRUSTED = (TrustedKey(SIGNER.key_id, SIGNER.public_key),)
TRUST = json.dumps(trust_document(TRUSTED)).encode()


@cache
def sealed() -> dict[str, bytes]:
    store = InMemoryObjectStore(contract_sources())
    sealer = Sealer(
        store, packet_bucket=PACKET_BUCKET, raw_bucket=RAW_BUCKET,
        source_buckets=("provider-drop",), max_artifact_bytes=1 << 30,
        produced_by=PRODUCED_BY, seal_budget_ms=0, now=lambda: 0, steady=lambda: 0, sign=SIGNER,
    )  # fmt: skip
    asyncio.run(sealer.handle(Incoming("seal-orders", 0, 0, 0, b"k", contract_order().to_bytes())))
    prefix = f"s3://{PACKET_BUCKET}/"
    return {uri.removeprefix(prefix): body for uri, body in store.objects.items() if uri.startswith(prefix)}
