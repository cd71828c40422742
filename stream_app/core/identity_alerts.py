"""The only place that words the alerts of the identity stage: orphans, and two calls that claim one alias."""

from __future__ import annotations

from typing import Literal

from stream_app.core.alerts import RUNBOOKS
from stream_app.core.identity import Alias, Claim
from stream_app.core.orders import JoinAlert


def orphan_alert(state: Alias, at: int, standing: Literal["firing", "resolved"]) -> JoinAlert:
    """Events wait at an alias that nothing has linked to a call; `at` in ms."""
    waited = "wait" if standing == "firing" else "waited"
    linked = "nothing has linked" if standing == "firing" else "is now linked"
    return JoinAlert(
        alert_id=f"{state.alias}/orphan/1",
        kind="orphan",
        state=standing,
        raised_at=at,
        since=state.since if state.since is not None else at,
        runbook_url=RUNBOOKS["orphan"],
        detail=f"{len(state.parked)} events {waited} at an alias that {linked} to a call",
    )


def conflict_alert(claim: Claim, at: int, standing: Literal["firing", "resolved"] = "firing") -> JoinAlert:
    """A call claims the alias of another, or did until an operator said whose it is; `at` in ms."""
    if standing == "firing":
        detail = f"{claim.alias} belongs to {claim.owner}; {claim.said_by} claims it for {claim.claimed_by}"
    else:
        detail = f"{claim.said_by} has said whose {claim.alias} is"
    return JoinAlert(
        alert_id=f"{claim.alias}/identity_conflict/{claim.claimed_by}",
        kind="identity_conflict",
        state=standing,
        raised_at=at,
        canonical_call_id=claim.owner,
        since=at,
        runbook_url=RUNBOOKS["identity_conflict"],
        detail=detail,
    )
