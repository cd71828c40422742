"""Alerts of one call: what each says, and that its page exists."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import asdict, replace

from stream_app.core import alerts
from stream_app.core.calls import CallState
from stream_app.core.orders import Item, JoinAlert
from stream_app.core.standing import View, stand
from stream_app.policy_file import default_policy
from tests.evidence import START_MS, artifact, call, evaluation, pieces, tool

POLICY = default_policy()
MINUTE = 60_000


def raised(state: CallState, minutes: float) -> tuple[CallState, list[JoinAlert]]:
    view = View(START_MS + round(minutes * MINUTE), POLICY, {POLICY.sha256: POLICY})
    said, out = alerts.raise_due(state, stand(state, view), view.now)
    return replace(state, **asdict(said)), out


def waiting() -> CallState:
    items = pieces(call(channels=1), artifact("transcript"))
    return CallState(call_id="call/odd/stuck/1", items=items, first_seen=START_MS)


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
    state = CallState(call_id="c", items=pieces(*items), first_seen=START_MS)
    assert raised(state, 1)[1] == []


def test_cured_alerts_are_resolved_under_their_own_ids() -> None:
    state, _ = raised(waiting(), 1)
    cured = replace(state, items=(*state.items, *pieces(artifact("recording"), evaluation())))
    after, (resolved,) = raised(cured, 2)
    assert (resolved.alert_id, resolved.kind, resolved.state) == ("call/odd/stuck/1/stuck/1", "stuck", "resolved")
    assert after.firing == ()
    assert alerts.due_times(after, stand(after, View(START_MS, POLICY, {}))) != []


def test_a_call_id_that_reads_like_an_orphan_alert_cures_nothing() -> None:
    state, (fired,) = raised(replace(waiting(), call_id="room/orphan/7"), 1)
    after, found = raised(state, 1.1)
    assert found == []
    assert after.firing == (fired.alert_id,) == ("room/orphan/7/stuck/1",)


def orphan(*items: Item) -> CallState:
    return CallState(call_id="c", items=pieces(*(items or (artifact("transcript"),))), first_seen=START_MS)


def test_an_orphan_is_named_once_and_resolved_when_the_call_comes() -> None:
    due = POLICY.timing.orphan / MINUTE
    assert raised(orphan(), due - 1)[1] == []
    state, (alert,) = raised(orphan(), due)
    assert (alert.alert_id, alert.raised_at, alert.deadline_at) == ("c/orphan/1", START_MS + due * MINUTE, None)
    assert raised(state, due + 1) == (state, [])
    found = replace(state, items=(*state.items, *pieces(call(channels=1))))
    after, (cured, *others) = raised(found, due + 2)
    assert (cured.alert_id, cured.kind, cured.state) == ("c/orphan/1", "orphan", "resolved")
    assert [(one.kind, one.state) for one in others] == [("timed_out", "firing")]
    assert after.firing == ("c/timed_out/1",)


def test_an_orphan_with_a_reason_leaves_as_a_packet_and_raises_no_alert() -> None:
    state, found = raised(orphan(tool("t", status="failed")), POLICY.timing.orphan / MINUTE)
    assert found == []
    assert state.orphan_passed


def test_each_threshold_speaks_once_and_the_deadline_stays_passed() -> None:
    state, said = waiting(), []
    for minutes in (0.5, 1, 1.5, 5, 5.5, 15, 15.5, 60):
        state, found = raised(state, minutes)
        said += [(alert.alert_id.rpartition("stuck/1/")[2], minutes) for alert in found]
    soft = [("stuck/1", 1.0), ("stuck/2", 5.0)][: len(POLICY.timing.soft)]
    assert said == [*soft, ("timed_out/1", 15)]
    assert len(state.firing) == len(said)
    assert alerts.due_times(state, stand(state, View(START_MS, POLICY, {}))) == []


def test_nothing_is_said_while_the_join_has_no_time() -> None:
    state = waiting()
    said, out = alerts.raise_due(state, stand(state, View(None, POLICY, {})), None)
    assert (replace(state, **asdict(said)), out) == (state, [])


def test_a_resolution_is_never_dated_before_the_call() -> None:
    state, _ = raised(waiting(), 1)
    cured = replace(state, items=(*state.items, *pieces(artifact("recording"), evaluation())))
    for now, dated in ((None, START_MS), (START_MS - MINUTE, START_MS), (START_MS + MINUTE, START_MS + MINUTE)):
        (alert,) = alerts.resolve_all(cured, stand(cured, View(now, POLICY, {})), now)
        assert alert.raised_at == dated


def test_a_call_that_waits_for_silent_sources_alone_has_no_alert_of_its_own() -> None:
    def found(minutes: float, *silent: str) -> list[str]:
        view = View(START_MS + round(minutes * MINUTE), POLICY, {})
        _, out = alerts.raise_due(waiting(), stand(waiting(), view), view.now, frozenset(silent))
        return [alert.kind for alert in out]

    assert found(1, "evaluation-completed") == ["stuck"], "the recording may come from a source that speaks"
    assert found(1, "evaluation-completed", "artifact-ready") == []
    assert found(20, "evaluation-completed", "artifact-ready") == []
    assert found(20, "artifact-ready", "tool-call") == ["timed_out"]
