"""Who may do what: by the table, by the policies made of it, and by the embedded store's identities."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from stream_app.core.access import ROLES, Place, Places, Right, Role, iam_policy, may
from stream_app.dev.parts import IDENTITIES

PLACES = Places("packets/team-a", "raw", "staging", ("drop-1", "drop-2"), "keys")
ACTIONS = {"read": "s3:GetObject", "write": "s3:PutObject"}


def allows(policy: dict[str, Any], action: str, resource: str, *, conditional: bool = False) -> bool:
    """IAM's own order: a denial wins, then an allowance; nothing said is no."""
    fitting = [
        one for one in policy["Statement"]
        if action in one["Action"] and any(resource.startswith(given.removesuffix("*")) for given in one["Resource"])
    ]  # fmt: skip
    if any(one["Effect"] == "Deny" for one in fitting):
        return False
    return any(conditional or "s3:if-none-match" not in str(one.get("Condition")) for one in fitting)


@pytest.mark.parametrize("role", get_args(Role))
@pytest.mark.parametrize("place", get_args(Place))
@pytest.mark.parametrize("right", ["read", "write"])
def test_a_policy_allows_what_the_table_gives_and_nothing_else(role: str, place: Place, right: Right) -> None:
    policy = iam_policy(role, PLACES)
    for bucket in PLACES.of(place):
        resource = f"arn:aws:s3:::{bucket}/key"
        assert allows(policy, ACTIONS[right], resource, conditional=True) == may(role, place, right)
        erases = role == "eraser" and place == "keys"
        assert allows(policy, "s3:DeleteObject", resource, conditional=True) == may(role, place, "delete") == erases


def test_nobody_overwrites() -> None:
    assert allows(iam_policy("sealer", PLACES), "s3:PutObject", "arn:aws:s3:::raw/key", conditional=True)
    assert not allows(iam_policy("sealer", PLACES), "s3:PutObject", "arn:aws:s3:::raw/key")


def test_a_prefix_is_not_the_bucket_it_lies_in() -> None:
    policy = iam_policy("reviewer", PLACES)
    assert allows(policy, "s3:GetObject", "arn:aws:s3:::packets/team-a/x")
    assert not allows(policy, "s3:GetObject", "arn:aws:s3:::packets/team-b/x")
    listing = next(one for one in policy["Statement"] if "s3:ListBucket" in one["Action"])
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["team-a/*"]}}


def test_a_reviewer_reads_packets_alone() -> None:
    assert [place for place in get_args(Place) if may("reviewer", place, "read")] == ["packets"]
    assert not any(may("reviewer", place, "write") for place in get_args(Place))
    assert may("restricted", "raw", "read")
    assert not may("restricted", "raw", "write")


def test_an_unknown_role_is_an_error() -> None:
    with pytest.raises(KeyError):
        iam_policy("boss", PLACES)
    assert {name for name, _, _ in ROLES} == set(get_args(Role))


@pytest.mark.parametrize("role", ["reviewer", "restricted", "sealer"])
def test_the_embedded_stores_identities_read_no_more_than_the_table_gives(role: str) -> None:
    buckets = {"packets": "review-packets", "raw": "raw-restricted", "staging": "staging", "sources": "provider-drop"}
    actions = next(one.actions for one in IDENTITIES if one.name == role)
    for place, bucket in buckets.items():
        assert (f"Read:{bucket}" in actions) == may(role, place, "read"), (role, place)  # type: ignore[arg-type]
