"""Alerts of one call: what each says, and that its page exists."""

from __future__ import annotations

from pathlib import Path

from stream_app.core import alerts
from stream_app.core.calls import CallState
from stream_app.core.orders import JoinAlert
from stream_app.core.standing import View, stand
from stream_app.policy_file import default_policy
from tests.evidence import START_MS, artifact, call, evaluation

POLICY = default_policy()
MINUTE = 60_000


def raised(state: CallState, minutes: float) -> tuple[CallState, list[JoinAlert]]:
    view = View(START_MS + round(minutes * MINUTE), POLICY, {POLICY.sha256: POLICY})
    return alerts.raise_due(state, stand(state, view), view.now)


def waiting() -> CallState:
    return CallState(call_id="call/odd/stuck/1", items=(call(channels=1), artifact("transcript")), first_seen=START_MS)


def test_every_kind_has_a_runbook_that_exists() -> None:
    root = Path(__file__).parents[2]
    assert all((root / page).is_file() for page in alerts.RUNBOOKS.values())


def test_a_stuck_join_names_what_it_waits_for_and_from_whom() -> None:
    state, (alert,) = raised(waiting(), 1)
    assert alert.alert_id == "call/odd/stuck/1/stuck/1"
    assert [(gap.kind, gap.expected_from) for gap in alert.missing] == [
        ("recording", "artifact-ready"),
        ("evaluation", "evaluation-completed"),
    ]
    assert alert.since == START_MS
    assert alert.deadline_at == START_MS + 15 * MINUTE
    assert alert.raised_at == START_MS + MINUTE
    assert raised(state, 2)[1] == []


def test_a_jump_over_both_thresholds_says_timed_out_only() -> None:
    _, found = raised(waiting(), 20)
    assert [alert.kind for alert in found] == ["timed_out"]


def test_what_was_declared_never_is_not_waited_for() -> None:
    items = (call(channels=1), artifact("transcript"), artifact("recording", never=True), evaluation())
    state = CallState(call_id="c", items=items, first_seen=START_MS)
    assert raised(state, 1)[1] == []


def test_cured_alerts_are_resolved_under_their_own_ids() -> None:
    state, _ = raised(waiting(), 1)
    cured = state.model_copy(update={"items": (*state.items, artifact("recording"), evaluation())})
    after, (resolved,) = raised(cured, 2)
    assert (resolved.alert_id, resolved.kind, resolved.state) == ("call/odd/stuck/1/stuck/1", "stuck", "resolved")
    assert after.firing == ()
    assert alerts.due_times(after, stand(after, View(START_MS, POLICY, {}))) != []
