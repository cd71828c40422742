"""The composition root: settings -> store -> stages -> Faust app. The only module that knows every room.

A room that one stage alone needs is imported for that stage: loading them all is a good part of the time to its start.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from stream_app import policy_file
from stream_app.core.policy import Policy
from stream_app.marked_yaml import Mark, Mistake
from stream_app.runtime.bindings import IdentityBinding, IntakeBinding, JoinBinding, SealBinding
from stream_app.runtime.host import Binding
from stream_app.runtime.ledger_binding import LedgerBinding
from stream_app.settings import Settings, StageName
from stream_app.telemetry import Recorder, Telemetry
from stream_app.topics import INTAKE_TOPICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stream_app.engines.concealing import MasterKeys
    from stream_app.engines.redaction.pool import RedactionPool
    from stream_app.engines.signing import Ed25519Signer
    from stream_app.gateway.content import InlineContent
    from stream_app.gateway.server import Gateway
    from stream_app.pipeline.call_keys import CallKeys
    from stream_app.providers.privacy import Screen
    from stream_app.runtime.call_api import CallApi
    from stream_app.runtime.stage_line import StageLine
    from stream_app.sinks.key_rings import KeyRings
    from stream_app.sinks.links import LinkFetcher
    from stream_app.sinks.s3 import LockMode, S3ObjectStore
    from stream_app.sinks.staged import StagedStore
    from stream_app.sinks.traces import HttpTraceSource


def policy_of(settings: Settings) -> Policy:
    """The policy file of the settings, or the policy that ships with the software.

    Raises PolicyFileError for a file with mistakes, and for one that cannot be read.
    """
    if settings.policy_file is None:
        return policy_file.default_policy()
    try:
        return policy_file.load(settings.policy_file)
    except OSError as error:
        mistake = Mistake(Mark(1, 1), (), f"cannot be read: {error.strerror}")
        raise policy_file.PolicyFileError(str(settings.policy_file), [mistake]) from error


_LOCK_MODES: dict[str, LockMode | None] = {"off": None, "governance": "GOVERNANCE", "compliance": "COMPLIANCE"}


def object_store(settings: Settings) -> S3ObjectStore:
    """The object store of the settings (an async context manager)."""
    from stream_app.sinks.s3 import S3ObjectStore

    return S3ObjectStore(
        endpoint_url=settings.s3_endpoint,
        access_key=settings.s3_access_key.get_secret_value() if settings.s3_access_key else None,
        secret_key=settings.s3_secret_key.get_secret_value() if settings.s3_secret_key else None,
        region=settings.s3_region,
        lock_mode=_LOCK_MODES[settings.object_lock],
    )


def staged_store(settings: Settings) -> StagedStore | None:
    """The object store with what is staged encrypted; None where no key is set. Raises KeyFormatError, OSError."""
    from stream_app.engines.encryption import StagingCipher, keys_of
    from stream_app.sinks.staged import StagedStore

    if settings.staging_key_file is not None:
        text = settings.staging_key_file.read_text()
    elif settings.staging_key is not None:
        text = settings.staging_key.get_secret_value()
    else:
        return None
    return StagedStore(object_store(settings), StagingCipher(keys_of(text)), settings.staging_bucket)


def call_keys(settings: Settings) -> CallKeys | None:
    """The keys of private values (an async context manager); None where no master key is set.

    Raises MasterKeyError.
    """
    rings = key_rings(settings)
    if rings is None:
        return None
    from stream_app.engines.concealing import ContentCipher
    from stream_app.pipeline.call_keys import CallKeys

    return CallKeys(rings, ContentCipher, lambda: time.monotonic_ns() // 1_000_000)


def key_rings(settings: Settings) -> KeyRings | None:
    """Where those keys lie (an async context manager); None where no master key is set. Raises as `call_keys`."""
    wrapping = master_keys(settings)
    if wrapping is None:
        return None
    from stream_app.engines.concealing import new_seed
    from stream_app.sinks.key_rings import KeyRings

    return KeyRings(object_store(settings), wrapping, settings.key_bucket, new_seed)


def master_keys(settings: Settings) -> MasterKeys | None:
    """What wraps the keys of private values; None where none is set. Raises MasterKeyError."""
    if settings.master_key_file is None and settings.master_key is None:
        return None
    from stream_app.engines.concealing import MasterKeyError, MasterKeys
    from stream_app.engines.encryption import KeyFormatError, keys_of

    try:
        if settings.master_key_file is not None:
            return MasterKeys(keys_of(settings.master_key_file.read_text()))
        assert settings.master_key is not None
        return MasterKeys(keys_of(settings.master_key.get_secret_value()))
    except OSError as error:
        raise MasterKeyError(f"STREAM_APP_MASTER_KEY_FILE cannot be read: {error.strerror}") from error
    except KeyFormatError as error:
        raise MasterKeyError(f"the master key: {error}") from None


def link_fetcher(settings: Settings) -> LinkFetcher:
    """What fetches links of the allowed hosts (an async context manager)."""
    from stream_app.sinks.links import LinkFetcher

    return LinkFetcher(
        settings.gateway_link_hosts, max_bytes=settings.gateway_link_max_bytes, within_s=settings.gateway_link_s
    )


@asynccontextmanager
async def gateway(settings: Settings, recorder: Recorder) -> AsyncIterator[Gateway]:
    """The gateway with what it needs, opened; it is served by whoever asks for it.

    Raises SecretsError and KeyFormatError for what cannot be used. Broker and store may be away: it says so by /readyz.
    """
    from stream_app.gateway.reception import Reception
    from stream_app.gateway.secrets import SecretSource
    from stream_app.gateway.server import Address, Gateway, Limits
    from stream_app.gateway.staging import Stager
    from stream_app.runtime.confirmed import KafkaWriter
    from stream_app.sinks.metered import MeteredStore

    secrets = SecretSource.of(settings)
    key = settings.name_key
    async with AsyncExitStack() as opened:
        staged = staged_store(settings) if settings.gateway_stage else None
        store = None if staged is None else MeteredStore(await opened.enter_async_context(staged), recorder)
        links = await opened.enter_async_context(link_fetcher(settings))
        writer = await opened.enter_async_context(KafkaWriter(settings, [topic.name for topic in INTAKE_TOPICS]))
        stager = Stager(store, settings.staging_bucket, links, enabled=settings.gateway_stage)
        reception = Reception(
            secrets=secrets.secrets,
            stager=stager,
            writer=writer,
            within_s=settings.gateway_confirm_s,
            name_key=b"" if key is None else key.get_secret_value().encode(),
        )
        yield Gateway(
            reception,
            Limits(settings.gateway_max_body_bytes, settings.gateway_in_flight, settings.drain_s),
            Address(settings.gateway_public_url, settings.gateway_trust_forwarded_proto),
            ready={"broker": writer.ask, "store": stager.ask},
            problems=lambda: secrets.problems,
            observe=lambda provider, outcome, seconds: recorder.webhook(provider, outcome, seconds=seconds),
        )


@asynccontextmanager
async def call_api(settings: Settings, lines: Mapping[str, StageLine], token: str | None) -> AsyncIterator[CallApi]:
    """What a worker answers about calls, out of its own stages (`lines`) and of other workers."""
    from secrets import token_urlsafe

    from stream_app.runtime import announced
    from stream_app.runtime.call_api import CallApi
    from stream_app.runtime.inquiry import Workers

    own = token or token_urlsafe(32)

    def peers() -> list[announced.Announced]:
        named = [announced.Announced(url, own) for url in settings.peers]
        return [*announced.running(settings, besides=os.getpid()), *named]

    async with Workers(settings, lines, peers) as workers:
        yield CallApi(workers, token=token, own=own, host=settings.health_host, screen=name_screen(settings))


def name_screen(settings: Settings) -> Screen:
    """Masks names that hold a phone number, as the adapters do."""
    from stream_app.providers.privacy import Screen

    key = settings.name_key
    return Screen(key=b"" if key is None else key.get_secret_value().encode())


def inline_content(settings: Settings) -> InlineContent:
    """Where intake puts content away that came inline in providers' records."""
    from stream_app.gateway.content import InlineContent

    return InlineContent(
        lambda: staged_store(settings),
        settings.staging_bucket,
        link_fetcher(settings),
        enabled=settings.gateway_stage,
    )


def trace_source(settings: Settings) -> HttpTraceSource | None:
    """What opens traces (an async context manager); None where no backend is set."""
    if settings.trace_url is None:
        return None
    from stream_app.sinks.traces import HttpTraceSource

    token = settings.trace_token
    return HttpTraceSource(
        settings.trace_url, token=None if token is None else token.get_secret_value(), within_s=settings.trace_within_s
    )


def redaction_pool(settings: Settings) -> RedactionPool | None:
    """What redacts transcripts, in processes of its own; None where the settings switch it off."""
    if settings.redaction == "off":
        return None
    from stream_app.engines.redaction.pool import RedactionPool

    return RedactionPool(
        processes=settings.redaction_processes,
        timeout_s=settings.redaction_timeout_s,
        use_model=settings.redaction == "rules_and_model",
        organisations=settings.organisations,
    )


def signer(settings: Settings) -> Ed25519Signer | None:
    """What signs manifests; None where the settings switch it off in so many words.

    Raises SigningKeyError where there is no usable key: a line that should sign never seals without.
    """
    from stream_app.engines.signing import Ed25519Signer, SigningKeyError

    if settings.signing == "off":
        return None
    if settings.signing_key is not None:
        return Ed25519Signer.from_pem(settings.signing_key.get_secret_value().encode())
    if settings.signing_key_file is None:
        raise SigningKeyError(
            "no signing key: `stream-app keys generate` makes one for STREAM_APP_SIGNING_KEY_FILE; "
            "STREAM_APP_SIGNING=off seals unsigned"
        )
    try:
        return Ed25519Signer.from_pem(settings.signing_key_file.read_bytes())
    except OSError as error:
        raise SigningKeyError(f"STREAM_APP_SIGNING_KEY_FILE cannot be read: {error.strerror}") from error


def binding_of(stage: StageName, settings: Settings, telemetry: Telemetry) -> Binding:
    """The stage, wired to what it needs."""
    match stage:
        case "intake":
            return IntakeBinding(settings, telemetry, inline_content(settings), call_keys(settings))
        case "identity":
            return IdentityBinding(settings, telemetry, policy_of(settings))
        case "join":
            return JoinBinding(settings, telemetry, policy_of(settings))
        case "review":
            from stream_app.runtime.review_binding import ReviewBinding

            return ReviewBinding(telemetry, policy_of(settings))
        case "seal":
            return SealBinding(
                settings,
                telemetry,
                # What a gateway has put away is read as it was before.
                staged_store(settings) or object_store(settings),
                policy_of(settings),
                redaction_pool(settings),
                sign=signer(settings),
                keys=call_keys(settings),
                traces=trace_source(settings),
            )
        case "ledger":
            return LedgerBinding(settings, telemetry, signer(settings))
