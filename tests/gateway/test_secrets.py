"""Where secrets come from: files that change, the environment, and never a message or `repr` that holds one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from stream_app.gateway.secrets import MAX_FILE_BYTES, SecretsError, SecretSource
from stream_app.gateway.signatures.registry import SCHEMES
from stream_app.settings import Settings

HIDDEN = "own-hidden-secret"


class Clock:
    """Time that only passes when told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        self.now_s += 0.001
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source(tmp_path: Path, clock: Clock) -> SecretSource:
    return SecretSource(tmp_path, clock=clock)


def told(source: SecretSource, provider: str) -> list[tuple[str, str | None]]:
    return [(one.value.get_secret_value(), one.key_id) for one in source.secrets(provider)]


def write(path: Path, text: str) -> None:
    """As a careful writer does: a new file, renamed into its place."""
    beside = path.with_name(f"{path.name}.tmp")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def test_one_secret_a_line_and_one_file_or_several(tmp_path: Path) -> None:
    write(tmp_path / "retell", "own-a\n\n  own-b \r\n")
    write(tmp_path / "retell.next", "own-c")
    write(tmp_path / "retelling", "no")
    write(tmp_path / "livekit.eu", "APIdemo: own:d\n")
    write(tmp_path / "twilio", '\ufeffown-e\n{"secret": "own-f", "keyId": "k", "algorithm": "HMAC_SHA256"}\n')
    write(tmp_path / "vapi", '{"plan": {"type": "hmac", "secretKey": "own-g"}}\n')
    (tmp_path / "elevenlabs.d").mkdir()
    source = SecretSource(tmp_path)
    assert told(source, "retell") == [("own-a", None), ("own-b", None), ("own-c", None)]
    assert told(source, "livekit") == [("own:d", "APIdemo")]
    assert told(source, "twilio") == [("own-e", None), ("own-f", "k")]
    assert source.secrets("twilio")[1].algorithm == "HMAC_SHA256"
    assert told(source, "vapi") == [("own-g", None)]
    assert source.secrets("vapi")[0].plan["type"] == "hmac"
    assert source.secrets("elevenlabs") == ()
    with pytest.raises(KeyError):
        source.secrets("connect")


@pytest.mark.parametrize("name", ["retell.bak", "retell.swp", "retell.tmp"])
def test_what_an_editor_leaves_beside_is_not_live(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("own-former\n")
    assert SecretSource(tmp_path).secrets("retell") == ()


def test_a_rotation_is_noticed_without_a_restart(tmp_path: Path, source: SecretSource, clock: Clock) -> None:
    steps = []
    for text in ("own-old", "own-old\nown-new", "own-new", ""):
        write(tmp_path / "retell", text)
        clock.now_s += 2
        steps.append([value for value, _ in told(source, "retell")])
    assert steps == [["own-old"], ["own-old", "own-new"], ["own-new"], []]
    (tmp_path / "retell").unlink()
    write(tmp_path / "retell.a", "own-last")
    clock.now_s += 2
    assert told(source, "retell") == [("own-last", None)]
    (tmp_path / "retell.a").unlink()
    clock.now_s += 2
    assert told(source, "retell") == []


def test_the_disk_is_not_looked_at_for_every_request(tmp_path: Path, source: SecretSource, clock: Clock) -> None:
    write(tmp_path / "retell", "own-a")
    assert told(source, "retell") == []
    clock.now_s += 2
    assert told(source, "retell") == [("own-a", None)]


def test_a_change_of_the_same_length_is_noticed(tmp_path: Path, source: SecretSource, clock: Clock) -> None:
    path = tmp_path / "retell"
    path.write_text("own-a")
    clock.now_s += 2
    assert told(source, "retell") == [("own-a", None)]
    path.write_text("own-b")
    os.utime(path, ns=(1, 1))
    clock.now_s += 2
    assert told(source, "retell") == [("own-b", None)]


def test_a_mistake_later_on_keeps_what_was_live_and_is_told(tmp_path: Path, source: SecretSource, clock: Clock) -> None:
    write(tmp_path / "livekit", "APIdemo:own-a")
    clock.now_s += 2
    assert told(source, "livekit") == [("own-a", "APIdemo")]
    write(tmp_path / "livekit", f"APIdemo:own-a\n{HIDDEN}\n")
    clock.now_s += 2
    assert told(source, "livekit") == [("own-a", "APIdemo")]
    (problem,) = source.problems
    assert f"{tmp_path / 'livekit'}:2: a line of LiveKit's is <API key>:<secret>" in problem
    assert HIDDEN not in problem
    clock.now_s += 2
    assert told(source, "livekit") == [("own-a", "APIdemo")]
    assert source.problems == (problem,)
    write(tmp_path / "livekit", "APIdemo:own-b")
    clock.now_s += 2
    assert told(source, "livekit") == [("own-b", "APIdemo")]
    assert source.problems == ()


def test_a_file_that_cannot_be_read_for_a_while(
    tmp_path: Path, source: SecretSource, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "retell", "own-a")
    clock.now_s += 2
    assert told(source, "retell") == [("own-a", None)]

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, os.strerror(13), "retell")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", refuse)
        write(tmp_path / "retell", "own-b")
        clock.now_s += 2
        assert told(source, "retell") == [("own-a", None)]
        assert "Permission denied" in source.problems[0]
    clock.now_s += 2
    assert told(source, "retell") == [("own-b", None)]
    assert source.problems == ()


@pytest.mark.parametrize(
    ("provider", "content"),
    [
        ("livekit", HIDDEN.encode()),
        ("livekit", b":" + HIDDEN.encode()),
        ("retell", b'{"secret": "' + HIDDEN.encode()),
        ("retell", b'{"keyId": "' + HIDDEN.encode() + b'"}'),
        ("vapi", b'{"secret": "' + HIDDEN.encode() + b'", "plan": 5}'),
        ("retell", HIDDEN.encode() + b"\xff"),
        ("retell", HIDDEN.encode() * (MAX_FILE_BYTES // len(HIDDEN) + 1)),
    ],
)
def test_a_mistake_at_the_start_is_refused_without_being_quoted(tmp_path: Path, provider: str, content: bytes) -> None:
    (tmp_path / provider).write_bytes(content)
    with pytest.raises(SecretsError) as caught:
        SecretSource(tmp_path)
    assert str(tmp_path / provider) in str(caught.value)
    assert HIDDEN not in str(caught.value)


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SecretsError, match="STREAM_APP_WEBHOOK_SECRETS_DIR"):
        SecretSource(tmp_path / "absent")


@pytest.mark.parametrize(
    ("provider", "text", "expected"),
    [
        ("retell", "own-a", [("own-a", None)]),
        ("retell", '["own-a", "own-b"]', [("own-a", None), ("own-b", None)]),
        ("retell", '"own-a"', [("own-a", None)]),
        ("retell", "", []),
        ("livekit", "APIdemo:own-a", [("own-a", "APIdemo")]),
        ("livekit", '{"APIdemo": "own-a", "APIelse": "own-b"}', [("own-a", "APIdemo"), ("own-b", "APIelse")]),
        ("twilio", '["own-a", {"secret": "own-b", "keyId": "k"}]', [("own-a", None), ("own-b", "k")]),
        ("vapi", '{"type": "bearer", "token": "own-a"}', [("own-a", None)]),
    ],
)
def test_the_environment_may_hold_them(
    monkeypatch: pytest.MonkeyPatch, provider: str, text: str, expected: list[tuple[str, str | None]]
) -> None:
    monkeypatch.setenv(f"STREAM_APP_WEBHOOK_SECRETS_{provider.upper()}", text)
    assert told(SecretSource.of(Settings()), provider) == expected


def test_a_mistake_in_the_environment_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_APP_WEBHOOK_SECRETS_RETELL", f'["{HIDDEN}"')
    with pytest.raises(SecretsError) as caught:
        SecretSource.of(Settings())
    assert str(caught.value) == "STREAM_APP_WEBHOOK_SECRETS_RETELL: begins like JSON and is none"


def test_files_and_the_environment_are_both_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "retell", "own-b")
    monkeypatch.setenv("STREAM_APP_WEBHOOK_SECRETS_RETELL", "own-a")
    monkeypatch.setenv("STREAM_APP_WEBHOOK_SECRETS_DIR", str(tmp_path))
    assert told(SecretSource.of(Settings()), "retell") == [("own-a", None), ("own-b", None)]


def test_every_scheme_has_a_setting_and_none_shows_its_value() -> None:
    stated = {scheme.name: SecretStr(f"k:{HIDDEN}") for scheme in SCHEMES}
    settings = Settings(**{f"webhook_secrets_{name}": value for name, value in stated.items()})
    source = SecretSource.of(settings)
    for text in (repr(settings), repr(source), str(source.secrets("livekit")), repr(vars(source))):
        assert HIDDEN not in text
    assert repr(source) == "SecretSource(twilio: 1, livekit: 1, vapi: 1, retell: 1, elevenlabs: 1)"
