"""Policy files: each mistake is told with its line, its column and what to write instead."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from stream_app import policy_file
from stream_app.core.conditions import FACTS, Fact
from stream_app.core.policy import Policy
from stream_app.core.wire import write_json
from stream_app.policy_file import PolicyFileError, default_policy, default_text, dump, load, parse, schema

TEXT = default_text()


def mistakes(text: str) -> list[str]:
    """What is said about this text; empty where nothing is."""
    try:
        parse(text.encode(), name="p")
    except PolicyFileError as error:
        return str(error).split("\n")
    return []


def replaced(old: str, new: str) -> str:
    """The shipped policy with one passage replaced; the passage must be there."""
    assert old in TEXT, f"{old!r} is not in the policy that ships"
    return TEXT.replace(old, new, 1)


def place(text: str, word: str) -> str:
    """`p:line:column:` of the first place of a word."""
    before = text[: text.index(word)]
    return f"p:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}:"


@pytest.mark.parametrize(
    ("old", "new", "where", "told"),
    [
        ("deadline: 15m", "dedline: 15m", "dedline", "timing.dedline: unknown key; did you mean deadline?"),
        ("deadline: 15m", "dedline: 15m", "timing:", "timing: deadline is missing"),
        ("toolSettle: 30s", "tool_settle: 30s", "tool_settle", "unknown key; did you mean toolSettle?"),
        ("deadline: 15m", "deadline: 15", "15\n", "timing.deadline: a duration is a whole number and its unit"),
        ("deadline: 15m", "deadline: 15 min", "15 min", "a duration is a whole number and its unit"),
        ("soft: [60s]", "soft: 60s", "60s\n", "timing.soft: must be a list"),
        ("soft: [60s]", "soft: [60s, 20m]", "20m]", "soft[1]: must be shorter than deadline (15m)"),
        (
            "retention: 24h",
            "retention: 5m",
            "5m\n  # How long after",
            "timing.retention: is shorter than deadline (15m)",
        ),
        ("settling: 10s", "settling: 10s\n  settling: 9s", "settling: 9s", "the key settling stands twice"),
        (
            "required: [call,",
            "required: [cal,",
            "cal,",
            "evidence.required[0]: 'cal' is not known here; did you mean call?",
        ),
        ("optional: [trace,", "optional: [call, trace,", "call, trace,", "evidence.optional[0]: call is listed twice"),
        (
            "fact: expectedToolCalls, above: 0",
            "fact: expectedTools, above: 0",
            "expectedTools,",
            "when.any[0].fact: 'expectedTools' is not known here; did you mean expectedToolCalls?",
        ),
        (
            "{fact: workflowAgent, is: true}",
            "{fact: workflowAgent, is: yes}",
            "{fact: workflowAgent",
            "with true or false, not with 'yes'",
        ),
        (
            "{fact: channels, above: 0}",
            "{fact: channels, than: 0}",
            "than: 0",
            "unknown key; one of any, all, fact, is, in, above",
        ),
        ("{fact: channels, above: 0}", '{fact: channels, above: "0"}', '"0"', "when.above: must be a number"),
        (
            "{fact: channels, above: 0}",
            "{fact: channels, is: [2]}",
            "is: [2]",
            "when.is: must be true or false or a number or text",
        ),
        (
            "{fact: channels, above: 0}",
            "channels",
            "channels\n  # Part",
            "evidence.conditional[1].when: must be a mapping",
        ),
        ("{fact: channels, above: 0}", "{an: [{fact: mos, above: 0}]}", "when: {an:", "when: fact is missing"),
        ("{fact: channels, above: 0}", "{any: []}", "any: []}", "when.any: must not be empty"),
        (
            "reason: customer_reported",
            "reason: customer_report",
            "customer_report\n",
            "did you mean customer_reported?",
        ),
        ("owner: engineering", "owner: QA Team", "QA Team", "reasons[0].owner: must be lower-case letters"),
        ("owner: engineering", "owner: legal", "legal", "reasons[0].owner: legal is not one of the reviewers"),
        ("priority: low", "priority: highest", "highest\n    owner: ops", "rows go from highest to low"),
        (
            "priority: low",
            "priority: lowest",
            "lowest\n",
            "reasons[7].priority: 'lowest' is not known here; did you mean low?",
        ),
        ("sla: 14d", "", "reason: executive_report_sample", "reasons[7]: sla is missing"),
        ("rate: 0.05", "rate: 5", "5\n      by", "reasons[6].sample.rate: must be less than or equal to 1"),
        ("rate: 0.05", "rate: -0.05", "-0.05", "must be greater than or equal to 0"),
        ("rate: 0.05", "rate: 5%", "5%", "reasons[6].sample.rate: must be a number"),
        ("by: [queue]", "by: [que]", "que]", "reasons[7].sample.by[0]: 'que' is not known here; did you mean queue?"),
        ("  manual: scheduled_sample", "", "triggers:", "triggers: the trigger manual is missing"),
        (
            "  manual: sched",
            "  manually: sched",
            "manually",
            "triggers.manually: 'manually' is not known here; did you mean manual?",
        ),
        (
            "manual: scheduled_sample",
            "manual: whim",
            "whim",
            "triggers.manual: 'whim' is not known here; one of customer_reported",
        ),
        ('version: "2026-06-01"', "version: 20260601", "20260601", "version: must be text (in quotes"),
        ("schemaVersion: 1", "schemaVersion: 2", "2\n", "schemaVersion: 2 is not known here; one of 1"),
        ("triggers:", "trigger:", "trigger:", "trigger: unknown key; did you mean triggers?"),
    ],
)
def test_a_mistake_is_told_where_it_stands(old: str, new: str, where: str, told: str) -> None:
    text = replaced(old, new)
    lines = mistakes(text)
    fitting = [line for line in lines if told in line]
    assert len(fitting) == 1, lines
    assert fitting[0].startswith(place(text, where)), fitting[0]
    # A second line only where one mistake has two sides (a misspelt key is unknown, and the right one missing).
    assert len(lines) <= 2


def test_a_missing_reason_row() -> None:
    first, last = TEXT.index("  # Speech recognition"), TEXT.index("  # Long pauses")
    text = TEXT[:first] + TEXT[last:]
    assert mistakes(text) == [f"{place(text, 'reasons:')} reasons: the row for low_confidence_turn is missing"]


def test_all_mistakes_are_told_at_once_and_in_order() -> None:
    text = replaced("deadline: 15m", "deadline: soon").replace("rate: 0.05", "rate: 2").replace("sla: 14d", "sla: 14")
    lines = mistakes(text)
    assert len(lines) == 3
    assert [int(line.split(":")[1]) for line in lines] == sorted(int(line.split(":")[1]) for line in lines)


@pytest.mark.parametrize("text", ["", "~", "# nothing"])
def test_an_empty_file(text: str) -> None:
    assert mistakes(text) == ["p:1:1: the file is empty"]


@pytest.mark.parametrize("text", ["- a list", "just text", "7"])
def test_a_file_that_is_something_else(text: str) -> None:
    assert mistakes(text) == ["p:1:1: must be a mapping"]


def test_yaml_that_unfolds_is_refused_before_it_does() -> None:
    bomb = "a: &a [x]\n" + "".join(f"{key}: [*a, *a]\n" for key in "bcd")
    assert mistakes(bomb) == ["p:1:4: anchors (&name) are not allowed: write the value out"]


def test_the_default_policy_has_a_comment_for_each_knob() -> None:
    lines = TEXT.split("\n")
    timing = lines[lines.index("timing:") + 1 : lines.index("evidence:") - 2]
    knobs = [number for number, line in enumerate(timing) if line.strip() and not line.strip().startswith("#")]
    assert len(knobs) == 12
    assert all(timing[number - 1].strip().startswith("#") for number in knobs)
    for row in default_policy().reasons:
        assert lines[lines.index(f"  - reason: {row.reason}") - 1].startswith("  #")


def test_the_page_explains_every_fact_and_every_operator() -> None:
    page = (Path(__file__).resolve().parents[1] / "docs/policy.md").read_text("utf-8")
    rows = page[page.index("<!-- facts") : page.index("<!-- /facts -->")].split("\n")[3:-1]
    told = [tuple(cell.strip() for cell in row.strip("|").split("|")) for row in rows]
    expected = [
        (f"`{fact.name}`", {"texts": "list of texts"}.get(fact.type, fact.type), fact.meaning + _known(fact))
        for fact in FACTS
    ]
    assert told == expected
    for operator in ("is", "in", "above", "atLeast", "below", "atMost", "present: true"):
        assert f"`{operator}`" in page
    for name in default_policy().to_dict()["timing"]:
        assert f"`{name}`" in page


def _known(fact: Fact) -> str:
    return ": " + ", ".join(f"`{value}`" for value in fact.values) if fact.values else ""


def test_the_conditions_and_samples_on_the_page_are_valid() -> None:
    page = (Path(__file__).resolve().parents[1] / "docs/policy.md").read_text("utf-8")
    blocks = [yaml.safe_load(block.split("```")[0]) for block in page.split("```yaml\n")[1:]]
    assert [sorted(block) for block in blocks] == [["when"], ["sample"]]
    document = default_policy().to_dict()
    for block in blocks:
        document["reasons"][6].update(block)
    assert parse(write_json(document)).reasons[6].sample is not None


def test_load_reads_a_file_and_names_it(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(TEXT, encoding="utf-8")
    bad.write_text("version: 1\n", encoding="utf-8")
    assert load(good) == default_policy()
    with pytest.raises(PolicyFileError) as caught:
        load(bad)
    assert all(line.startswith(f"{bad}:1:") for line in str(caught.value).split("\n"))
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "absent.yaml")


def test_dump_reads_back() -> None:
    policy = default_policy().scaled(50)
    assert parse(dump(policy).encode()) == policy
    assert yaml.safe_load(dump(policy)) == policy.to_dict()


def test_json_is_a_policy_file_too() -> None:
    assert parse(default_policy().to_bytes()) == default_policy()


def test_the_schema_accepts_what_ships_and_refuses_what_is_wrong() -> None:
    validator = jsonschema.Draft202012Validator(schema())
    jsonschema.Draft202012Validator.check_schema(schema())
    document = default_policy().to_dict()
    validator.validate(document)
    validator.validate(yaml.safe_load(TEXT))
    for path, value in (
        (("timing", "deadline"), 15),
        (("timing", "deadline"), "15 min"),
        (("reasons", 6, "sample", "rate"), 2),
        (("reasons", 0, "when"), {"fact": "mood", "is": "bad"}),
        (("reasons", 0, "when"), {"fact": "queue"}),
        (("reasons", 0, "when"), {"any": []}),
        (("evidence", "more"), []),
    ):
        wrong = Policy.from_dict(document).to_dict()
        node = wrong
        for part in path[:-1]:
            node = node[part]
        node[path[-1]] = value
        assert not validator.is_valid(wrong), path


def test_every_field_is_explained_in_the_schema() -> None:
    timing = schema()["$defs"]["Timing"]["properties"]
    assert [name for name, field in timing.items() if "description" not in field] == []
    assert schema()["$id"] == policy_file.SCHEMA_ID
