"""The composition root: settings become a policy, a store and stages that fit together."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest
from pydantic import SecretStr

from stream_app import app, policy_file, telemetry
from stream_app.engines.concealing import MasterKeyError
from stream_app.engines.signing import SigningKeyError
from stream_app.policy_file import default_policy
from stream_app.settings import STAGES, Settings
from stream_app.topics import TOPICS

SETTINGS = Settings(s3_endpoint="http://127.0.0.1:1", s3_access_key="a", s3_secret_key="s", signing="off")


def test_each_stage_is_bound_to_topics_that_exist() -> None:
    names = {topic.name for topic in TOPICS}
    bindings = [app.binding_of(stage, SETTINGS, telemetry.disabled()) for stage in STAGES]
    assert [binding.stage for binding in bindings] == list(STAGES)
    read = [topic for binding in bindings for topic in binding.topics]
    assert set(read) <= names
    assert len(set(read)) == len(read)  # One stage, one group: no topic is read by two of them.
    assert {binding.stage for binding in bindings if binding.table} == {"identity", "join", "seal", "ledger"}


def test_the_policy_is_the_settings_or_the_one_that_ships(tmp_path: Path) -> None:
    assert app.policy_of(SETTINGS) == default_policy()
    scaled = default_policy().scaled(10)
    path = tmp_path / "policy.yaml"
    path.write_text(policy_file.dump(scaled))
    assert app.policy_of(SETTINGS.model_copy(update={"policy_file": path})) == scaled


async def test_a_store_that_is_away_is_no_reason_not_to_start() -> None:
    store = app.object_store(SETTINGS)
    async with store as connected:
        with pytest.raises(Exception, match="127"):
            await connected.head("s3://bucket/key")


def test_a_line_that_should_sign_does_not_start_without_a_key(tmp_path: Path) -> None:
    with pytest.raises(SigningKeyError, match="STREAM_APP_SIGNING_KEY_FILE"):
        app.signer(Settings())
    with pytest.raises(SigningKeyError, match="cannot be read"):
        app.signer(Settings(signing_key_file=tmp_path / "nowhere.pem"))
    assert app.signer(Settings(signing="off")) is None


def test_private_values_have_keys_where_a_master_key_is_set(tmp_path: Path) -> None:
    assert app.call_keys(Settings()) is None
    assert app.call_keys(Settings(master_key=SecretStr(b64encode(bytes(32)).decode()))) is not None
    assert Settings(master_key_file="").master_key_file is None  # type: ignore[arg-type]
    with pytest.raises(MasterKeyError, match="32 bytes"):
        app.call_keys(Settings(master_key=SecretStr("c2hvcnQ=")))
    with pytest.raises(MasterKeyError, match="cannot be read"):
        app.call_keys(Settings(master_key_file=tmp_path / "nowhere.key"))
