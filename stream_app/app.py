"""The composition root: settings -> store -> stages -> Faust app. The only module that knows every room.

A room that one stage alone needs is imported for that stage: loading them all is a good part of the time to its start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_app import policy_file
from stream_app.core.policy import Policy
from stream_app.marked_yaml import Mark, Mistake
from stream_app.runtime.bindings import IdentityBinding, IntakeBinding, JoinBinding, SealBinding
from stream_app.runtime.host import Binding
from stream_app.settings import Settings, StageName
from stream_app.telemetry import Telemetry

if TYPE_CHECKING:
    from stream_app.sinks.s3 import S3ObjectStore


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


def object_store(settings: Settings) -> S3ObjectStore:
    """The object store of the settings (an async context manager)."""
    from stream_app.sinks.s3 import S3ObjectStore

    return S3ObjectStore(
        endpoint_url=settings.s3_endpoint,
        access_key=settings.s3_access_key.get_secret_value() if settings.s3_access_key else None,
        secret_key=settings.s3_secret_key.get_secret_value() if settings.s3_secret_key else None,
        region=settings.s3_region,
    )


def binding_of(stage: StageName, settings: Settings, telemetry: Telemetry) -> Binding:
    """The stage, wired to what it needs."""
    match stage:
        case "intake":
            return IntakeBinding(settings, telemetry)
        case "identity":
            return IdentityBinding(settings, telemetry, policy_of(settings))
        case "join":
            return JoinBinding(settings, telemetry, policy_of(settings))
        case "seal":
            return SealBinding(settings, telemetry, object_store(settings), policy_of(settings))
