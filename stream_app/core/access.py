"""The only place for who may do what in object storage: one table of roles, and the IAM policies made of it.

Export levels are kept apart by buckets (or prefixes) and keys, not by what a program chooses to show: a reviewer's keys
cannot read what is raw, whatever address they are given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

Role = Literal["sealer", "gateway", "reviewer", "restricted", "eraser"]
Place = Literal["packets", "raw", "staging", "sources", "keys"]
Right = Literal["read", "write", "list", "delete"]

ROLES: tuple[tuple[Role, str, tuple[tuple[Place, tuple[Right, ...]], ...]], ...] = (
    (
        "sealer",
        "the workers: read sources, write packets, raw artifacts and new keys once, delete nothing",
        (
            ("packets", ("read", "write", "list")),
            ("raw", ("read", "write", "list")),
            ("staging", ("read", "list")),
            ("sources", ("read",)),
            ("keys", ("read", "write", "list")),
        ),
    ),
    (
        "gateway",
        "webhooks: puts what came inline into staging, and reads nothing else",
        (("staging", ("read", "write")),),
    ),
    ("reviewer", "qa, support, product, engineering: redacted packets", (("packets", ("read", "list")),)),
    (
        "restricted",
        "security and compliance: redacted packets, and what is raw",
        (("packets", ("read", "list")), ("raw", ("read", "list"))),
    ),
    (
        "eraser",
        "whoever carries out requests for erasure: destroys keys, and reads nothing that they opened",
        (("keys", ("read", "write", "list", "delete")),),
    ),
)
"""(role, who it is, what it may do where). What does not stand here is denied; keys alone are ever deleted."""

_ACTIONS: dict[Right, tuple[str, ...]] = {
    "read": ("s3:GetObject",),
    "write": ("s3:PutObject", "s3:PutObjectRetention"),
    "list": ("s3:ListBucket", "s3:GetBucketObjectLockConfiguration"),
    "delete": ("s3:DeleteObject",),
}
_WITHHELD = ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion")


@dataclass(frozen=True, slots=True)
class Places:
    """Buckets, or buckets with a prefix (`bucket/team-a`)."""

    packets: str
    raw: str
    staging: str
    sources: tuple[str, ...]
    keys: str

    def of(self, place: Place) -> tuple[str, ...]:
        """The buckets of this place."""
        return self.sources if place == "sources" else (getattr(self, place),)


def within(inner: str, outer: str) -> bool:
    """Whether the one place (`bucket/prefix`) lies in the other."""
    return f"{inner.rstrip('/')}/".startswith(f"{outer.rstrip('/')}/")


def may(role: str, place: Place, right: Right) -> bool:
    """Whether the table gives this right. KeyError for an unknown role."""
    rights = {name: dict(given) for name, _, given in ROLES}[role]  # type: ignore[index]
    return right in rights.get(place, ())


def iam_policy(role: str, places: Places) -> dict[str, Any]:
    """The role's IAM policy (version 2012-10-17): what it may do, and a denial of every other place by name.

    Writes are allowed with `If-None-Match` alone: what is there cannot be overwritten, by no program of ours.
    Raises KeyError for an unknown role.
    """
    given = {name: rights for name, _, rights in ROLES}[role]  # type: ignore[index]
    statements: list[dict[str, Any]] = []
    for place, rights in given:
        for bucket in places.of(place):
            for right in rights:
                statements.append(_allowed(place, right, bucket))
    allowed = {bucket for place, _ in given for bucket in places.of(place)}
    others = sorted({bucket for place in get_args(Place) for bucket in places.of(place)} - allowed)
    if others:
        statements.append(
            {
                "Sid": "Withheld",
                "Effect": "Deny",
                "Action": list(_WITHHELD),
                "Resource": [_objects(bucket) for bucket in others],
            }
        )
    return {"Version": "2012-10-17", "Statement": statements}


def _allowed(place: Place, right: Right, bucket: str) -> dict[str, Any]:
    name, _, prefix = bucket.partition("/")
    statement: dict[str, Any] = {
        "Sid": f"{right.title()}{place.title()}",
        "Effect": "Allow",
        "Action": list(_ACTIONS[right]),
        "Resource": [f"arn:aws:s3:::{name}" if right == "list" else _objects(bucket)],
    }
    if right == "list" and prefix:
        statement["Condition"] = {"StringLike": {"s3:prefix": [f"{prefix}/*"]}}
    if right == "write":
        statement["Condition"] = {"Null": {"s3:if-none-match": "false"}}
    return statement


def _objects(bucket: str) -> str:
    return f"arn:aws:s3:::{bucket.rstrip('/')}/*"
