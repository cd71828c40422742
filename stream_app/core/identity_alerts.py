"""The only place that words the alerts of the identity stage: orphans, reports that may mean several
calls, and two calls that claim one alias.
"""

from __future__ import annotations

from typing import Literal

from stream_app.core.alerts import RUNBOOKS
from stream_app.core.identity import Alias, Claim, Resolution
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


def alerts_of(before: Alias, resolution: Resolution, at: int) -> list[tuple[str, JoinAlert]]:
    """What people are told of a record that made `resolution` of the alias, each with its key; `at` in ms."""
    state = resolution.state
    raised: list[tuple[str, JoinAlert]] = []
    if before.orphaned and not state.orphaned:
        raised.append((before.alias, orphan_alert(before, at, "resolved")))
    if bool(before.candidates) != bool(state.candidates):
        alert = ambiguous_alert(state, at, "firing" if state.candidates else "resolved")
        raised.append((state.alias, alert))
    raised += [(claim.owner, conflict_alert(claim, at)) for claim in resolution.disputes]
    raised += [(claim.owner, conflict_alert(claim, at, "resolved")) for claim in resolution.settled]
    return raised


def ambiguous_alert(state: Alias, at: int, standing: Literal["firing", "resolved"] = "firing") -> JoinAlert:
    """A report names an account, and may mean any of several calls; `at` in ms."""
    if standing == "firing":
        taken = f"; it went to {state.canonical_call_id}" if state.canonical_call_id else ""
        detail = (
            f"a report that names an account alone may mean {' or '.join(state.candidates)}{taken}; say which by "
            f"identity-linked with the call's ID and the alias {state.alias}"
        )
    else:
        detail = f"it was said which call the report at {state.alias} means"
    return JoinAlert(
        alert_id=f"{state.alias}/report_ambiguous/1",
        kind="report_ambiguous",
        state=standing,
        raised_at=at,
        canonical_call_id=state.canonical_call_id,
        since=at,
        runbook_url=RUNBOOKS["report_ambiguous"],
        detail=detail,
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
