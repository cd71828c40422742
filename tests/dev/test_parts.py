"""The table of the embedded stack holds together: names, buckets, and rights that keep the rooms apart."""

from __future__ import annotations

from stream_app.dev import parts


def _writes(identity: str) -> set[str]:
    (found,) = (one for one in parts.IDENTITIES if one.name == identity)
    return {action.partition(":")[2] for action in found.actions if action.startswith("Write")}


def test_every_action_names_a_bucket_that_exists() -> None:
    for identity in parts.IDENTITIES:
        buckets = {action.partition(":")[2] for action in identity.actions if ":" in action}
        assert buckets <= set(parts.BUCKETS)


def test_no_room_may_write_what_another_one_vouches_for() -> None:
    assert _writes("provider") == {"provider-drop"}
    assert _writes("sealer") == {"review-packets", "raw-restricted", "staging", "call-keys"}
    assert _writes("reviewer") == _writes("restricted") == set()


def test_restricted_content_is_written_by_the_sealer_and_read_by_its_own_readers() -> None:
    named = {one.name for one in parts.IDENTITIES for action in one.actions if "raw-restricted" in action}
    assert named == {"sealer", "restricted"}


def test_names_are_given_once() -> None:
    for rows in (parts.BROKER_SETTINGS, parts.STORE_FLAGS):
        assert len({name for name, _ in rows}) == len(rows)
    names = {identity.name for identity in parts.IDENTITIES}
    assert len(names) == len(parts.IDENTITIES)
    assert {parts.WORKER_IDENTITY, parts.PROBE_IDENTITY} <= names
    assert parts.PROBE_BUCKET in parts.BUCKETS
