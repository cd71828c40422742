"""Alert rules and dashboards: promtool agrees, every alert is tested both ways, every name and link exists."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from stream_app.core.alerts import RUNBOOKS
from stream_app.core.orders import AlertKind
from stream_app.telemetry.catalogue import METRICS, Metric

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = PROMETHEUS / "rules.yml"
RULES_TEST = PROMETHEUS / "rules_test.yml"
DASHBOARDS = sorted((ROOT / "deploy" / "grafana").glob("*.json"))
SERIES: dict[str, Metric] = {name: metric for metric in METRICS for name in metric.series_names}
SELECTOR = re.compile(r"(stream_app_[a-z_]+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def wrong_names(expression: str) -> Iterator[str]:
    """What an expression says that no recorder could have written: metric, label, or label value."""
    for name, matchers in SELECTOR.findall(expression):
        metric = SERIES.get(name)
        if metric is None:
            yield f"{name} is not in the catalogue"
            continue
        labels = {label.name: label for label in metric.labels}
        for label, operator, values in MATCHER.findall(matchers or ""):
            if label not in labels:
                yield f"{name} has no label {label}"
                continue
            for value in values.split("|") if "~" in operator else [values]:
                if not labels[label].allows_text(value):
                    yield f"{name}: {label} is never {value!r}"
    named = [SERIES[name] for name, _ in SELECTOR.findall(expression) if name in SERIES]
    known = {label.name for metric in named for label in metric.labels} | {"le"}
    for labels_by in re.findall(r"\bby \(([^)]*)\)", expression):
        for label in re.split(r",\s*", labels_by):
            if label not in known:
                yield f"no metric here has the label {label}"


def promtool(*arguments: str, cwd: Path = PROMETHEUS) -> subprocess.CompletedProcess[str]:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip(
            "promtool is absent, so no alert rule was tested: it is in Debian's package `prometheus` "
            "(sudo .ci/install, or apt-get install --no-install-recommends prometheus)"
        )
    return subprocess.run([found, *arguments], cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


def test_promtool_accepts_rules_and_configurations() -> None:
    for arguments in (("check", "rules", "rules.yml"), ("check", "config", "prometheus.yml")):
        checked = promtool(*arguments)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_fires_when_it_should_and_only_then() -> None:
    tested = promtool("test", "rules", "rules_test.yml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_a_rule_that_never_fires_fails_its_test(tmp_path: Path) -> None:
    """Negative control: a threshold out of reach, and a threshold that is always reached."""
    alert = "StreamAppClockStands"
    stories = yaml.safe_load(RULES_TEST.read_text())
    stories["tests"] = [one for one in stories["tests"] if alert in str(one["alert_rule_test"])]
    (tmp_path / "rules_test.yml").write_text(yaml.safe_dump(stories))
    for broken in ("> 999999999", "> -1"):
        text = RULES.read_text()
        expression = "max(stream_app_clock_lag_seconds) > 60"
        assert expression in text
        (tmp_path / "rules.yml").write_text(text.replace(expression, expression.replace("> 60", broken)))
        tested = promtool("test", "rules", "rules_test.yml", cwd=tmp_path)
        assert tested.returncode != 0
        assert alert in tested.stdout + tested.stderr


def test_each_alert_has_a_story_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    fires: set[str] = set()
    silent: set[str] = set()
    for story in yaml.safe_load(RULES_TEST.read_text())["tests"]:
        for check in story["alert_rule_test"]:
            (fires if check["exp_alerts"] else silent).add(check["alertname"])
    alerts = {rule["alert"] for rule in rules()}
    assert fires == alerts
    assert silent == alerts


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_a_rule_names_metrics_that_exist_and_its_runbook(rule: dict[str, Any]) -> None:
    assert list(wrong_names(rule["expr"])) == []
    assert SELECTOR.search(rule["expr"])
    assert rule["labels"]["severity"] in {"warning", "critical"}
    runbook = ROOT / rule["annotations"]["runbook_url"]
    assert runbook.parent == ROOT / "docs" / "runbooks"
    assert runbook.is_file()
    assert rule["alert"] in runbook.read_text(), "the runbook says which alerts lead to it"


@pytest.mark.parametrize("kind", get_args(AlertKind))
def test_a_join_alert_has_its_runbook(kind: AlertKind) -> None:
    assert f"`{kind}`" in (ROOT / RUNBOOKS[kind]).read_text()


def test_runbooks_link_only_to_what_exists() -> None:
    for page in sorted((ROOT / "docs" / "runbooks").glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert (page.parent / target).is_file(), f"{page.name} -> {target}"


def test_there_is_a_dashboard() -> None:
    assert DASHBOARDS


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_a_dashboard_shows_metrics_that_exist(path: Path) -> None:
    panels = json.loads(path.read_text())["panels"]
    expressions = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    wrong = [problem for expression in expressions for problem in wrong_names(expression)]
    assert wrong == []
    shown = {SERIES[name].name for expression in expressions for name, _ in SELECTOR.findall(expression)}
    assert shown == {metric.name for metric in METRICS}, "and every metric has its place on it"
    for panel in panels:
        for label in re.findall(r"\{\{(\w+)\}\}", json.dumps(panel)):
            assert any(re.search(rf"\bby \([^)]*\b{label}\b", one["expr"]) for one in panel["targets"]), label


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("sum(stream_app_calls_total) > 1", "stream_app_calls_total is not in the catalogue"),
        ('stream_app_stage_up{stage="nobody"} == 0', "stream_app_stage_up: stage is never 'nobody'"),
        ('stream_app_stage_up{call="x"} == 0', "stream_app_stage_up has no label call"),
        ('stream_app_events_total{type=~"call-ended|calls"}', "stream_app_events_total: type is never 'calls'"),
        ("sum by (tenant) (stream_app_joins_open)", "no metric here has the label tenant"),
        ("rate(stream_app_seal_duration_seconds[5m])", "stream_app_seal_duration_seconds is not in the catalogue"),
    ],
)
def test_a_wrong_name_is_found(expression: str, problem: str) -> None:
    assert problem in list(wrong_names(expression))
