"""`stream-app audit` as a user meets it, on the real broker."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from stream_app.cli.audit import audit
from stream_app.core.calls import CallState
from stream_app.core.evidence import Position
from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Outgoing
from stream_app.topics import INTAKE_TOPICS
from tests import evidence, remembered
from tests.deployments import Deployment, deployment
from tests.examples import changed, contract_order

TOPICS = (
    *(topic.name for topic in INTAKE_TOPICS), "provider-records", "dead-letters", "evidence", "packets", "seal-orders",
    "stream-app-identity-identity-changelog", "stream-app-join-join-changelog",
)  # fmt: skip


@pytest.fixture
def line(stack: Endpoints) -> Iterator[Deployment]:
    """A line that has come to rest: one call used and sealed, one broken record refused."""
    with deployment(stack, topics=TOPICS, input_partitions=1) as made:
        made.send(Outgoing("call-ended", b"k", b"{}"), Outgoing("tool-call", b"k", b"{"))
        order = changed(contract_order(), order_id="call-1/1", canonical_call_id="call-1")
        made.send(
            remembered.call_row(made, CallState(call_id="call-1", items=evidence.pieces(evidence.call()))),
            remembered.dead_letter(Position(topic="tool-call", partition=0, offset=0)),
            remembered.order_record(order),
            remembered.packet_record(remembered.packet("call-1/1")),
        )
        yield made


def test_a_line_at_rest_adds_up(line: Deployment) -> None:
    shown = line.run("audit")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines() == [
        "2 input positions",
        "  call-ended: 1 used",
        "  tool-call: 1 dead_letter",
        "1 orders, 1 packets: everything adds up",
    ]
    answer = line.run("audit", "--json")
    assert answer.returncode == 0
    document = json.loads(answer.stdout)
    assert document["closed"] is True
    assert document["accounting"]["endings"] == {"call-ended": {"used": 1}, "tool-call": {"dead_letter": 1}}
    nothing: dict[str, list[str]] = {"unmarked": [], "unsealed": [], "repeated": [], "doubled": []}
    assert document["matching"] == {"orders": 1, "packets": 1, **nothing}
    assert "replay" not in document


def test_a_packet_or_an_order_that_stands_there_twice_exits_1(line: Deployment) -> None:
    line.send(remembered.packet_record(remembered.packet("call-1/1")))
    shown = line.run("audit")
    assert shown.returncode == 1
    assert "packets published twice: 1\n  call-1/1" in shown.stdout
    line.send(remembered.order_record(changed(contract_order(), order_id="call-1/1")))
    shown = line.run("audit", "--json")
    assert shown.returncode == 1
    assert json.loads(shown.stdout)["matching"]["doubled"] == ["call-1/1"]


def test_an_order_that_the_log_does_not_give_exits_1(line: Deployment) -> None:
    shown = line.run("audit", "--replay")
    assert shown.returncode == 1
    assert "0 records of evidence folded anew: 0 orders are the same byte for byte" in shown.stdout
    assert "orders that were sent and that the log does not give: 1\n  call-1/1 (" in shown.stdout
    document = json.loads(line.run("audit", "--replay", "--json").stdout)
    assert (document["closed"], document["replay"]["matched"]) == (False, 0)


def test_a_position_that_nothing_knows_exits_1(line: Deployment) -> None:
    line.send(*(Outgoing("trace-completed", b"k", b"{") for _ in range(25)))
    shown = line.run("audit")
    assert shown.returncode == 1
    lines = shown.stdout.splitlines()
    assert lines[0] == "27 input positions"
    at = lines.index("not accounted for: 25")
    assert lines[at + 1 : at + 21] == [f"  trace-completed/0/{offset}" for offset in range(20)]
    assert lines[at + 21] == "  and 5 more; --json names all"
    assert lines[-1] == "1 orders, 1 packets: see above"
    answer = line.run("audit", "--json")
    assert answer.returncode == 1
    document = json.loads(answer.stdout)
    assert document["closed"] is False
    assert len(document["accounting"]["unaccounted"]) == 25


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("packet", "packets that nobody ordered: 1\n  call-2/1"),
        ("order", "orders without a packet: 1\n  call-2/1"),
        ("twice", "accounted for twice: 1\n  call-ended/0/0 (dead_letter, used)"),
    ],
)
def test_whatever_does_not_match_exits_1(line: Deployment, what: str, said: str) -> None:
    records = {
        "packet": remembered.packet_record(remembered.packet("call-2/1")),
        "order": remembered.order_record(changed(contract_order(), order_id="call-2/1")),
        "twice": remembered.dead_letter(Position(topic="call-ended", partition=0, offset=0)),
    }
    line.send(records[what])
    shown = line.run("audit")
    assert shown.returncode == 1
    assert said in shown.stdout


def test_before_the_topics_are_there_it_says_what_to_do(stack: Endpoints) -> None:
    with deployment(stack, topics=()) as bare:
        refused = bare.run("audit")
    assert refused.returncode == 3
    assert "run `stream-app topics apply` first" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_it_explains_itself() -> None:
    shown = CliRunner().invoke(audit, ["--help"])
    assert shown.exit_code == 0
    assert "Exit 0 when everything is" in shown.output
    assert "--json" in shown.output
