"""Every pin holds, its message says what breaks, and a pin that does not hold is seen."""

from __future__ import annotations

import re
import tomllib
import types
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import pins
from tests.conformance.pins import PINS, SECTIONS, VERSIONS, Gone, Pin

ROOT = Path(__file__).parents[2]
ENGINE = ROOT / "docs" / "engine.md"


@pytest.mark.parametrize("name", VERSIONS)
def test_the_versions_are_pinned_and_installed(name: str) -> None:
    why = f"docs/engine.md: {name} is pinned exactly; go through tests/conformance before another one is taken"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"{name}=={VERSIONS[name]}" in project["dependencies"], why
    assert version(name) == VERSIONS[name], why


@pytest.mark.parametrize("pin", PINS, ids=lambda pin: pin.name.rpartition(":")[2])
def test_the_pin_holds(pin: Pin) -> None:
    found = pins.problem(pin, pins.found(pin.name))
    assert found is None, found


def test_no_name_is_pinned_twice() -> None:
    keys = [(pin.name, pin.of) for pin in PINS]
    assert len(keys) == len(set(keys))


def test_the_sections_are_those_of_the_page() -> None:
    headings = dict(re.findall(r"^## (\d+)\. (.+)$", ENGINE.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert {int(number) for number in headings} == set(SECTIONS)
    for number, short in SECTIONS.items():
        assert headings[str(number)].lower().startswith(short), f"section {number} is called {headings[str(number)]!r}"
    assert {pin.section for pin in PINS} <= set(SECTIONS)


def test_every_module_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`((?:runtime|pipeline|core)/\w+\.py)`", ENGINE.read_text(encoding="utf-8")))
    assert len(named) > 10
    assert [one for one in sorted(named) if not (ROOT / "stream_app" / one).is_file()] == []


def test_every_private_name_that_the_engine_uses_is_pinned() -> None:
    """What the engine's modules say they rely on stands in the list of pins."""
    last = {re.split(r"[.:]", pin.name)[-1] for pin in PINS}
    overridden = {
        "_wait_next_records", "_new_offset", "_add_gap", "_create_worker_consumer", "_new_consumer_thread",
        "_build_offsets", "_db_for_partition", "_open_for_partition", "_update_channels", "partition_path",
        "_fetch_records", "_create_fetch_waiter", "_notify",
    }  # fmt: skip
    sources = [
        (ROOT / "stream_app" / "runtime" / f"{name}.py").read_text(encoding="utf-8")
        for name in ("transport", "recovery", "tables", "ownership", "stores")
    ]
    assert [name for name in sorted(overridden) if not any(name in source for source in sources)] == []
    assert overridden - last == {"_add_gap"}, "that one we make do nothing, whatever it does"


MEMBER = """
class Consumer:
    def _new_offset(self, tp):
        return {result}
"""


def planted(result: str) -> Any:
    """The same function from a file of its own, so that its source can be read."""
    module = types.ModuleType("planted")
    source = MEMBER.format(result=result)
    import linecache

    name = f"<planted {result}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    exec(compile(source, name, "exec"), module.__dict__)
    return module.Consumer._new_offset


def test_a_changed_body_is_caught_and_the_message_says_what_breaks() -> None:
    pin = Pin(
        "some.library:Consumer._new_offset", "source", pins.digest(planted("1"), "source"), 1, "what is committed"
    )
    assert pins.problem(pin, planted("1")) is None
    said = pins.problem(pin, planted("2"))
    assert said is not None
    assert "some.library:Consumer._new_offset: its source has changed" in said
    assert "docs/engine.md section 1, at least once in, explicit acks in order: what is committed" in said


def test_every_pin_sees_another_body() -> None:
    other = planted("3")
    held = [pin for pin in PINS if pin.of == "source"]
    assert len(held) > 50
    assert [pin.name for pin in held if pins.problem(pin, other) is None] == []


def test_a_changed_signature_and_a_changed_constant_are_caught() -> None:
    def one(a: int, b: int) -> None: ...
    def two(a: int, *, b: int) -> None: ...

    signature = Pin("x:one", "signature", pins.digest(one, "signature"), 2, "called by position")
    assert pins.problem(signature, one) is None
    assert "its signature has changed" in (pins.problem(signature, two) or "")
    value = Pin("x:BACKOFF", "value", pins.digest(0.02, "value"), 3, "20 ms")
    assert pins.problem(value, 0.02) is None
    assert "its value has changed" in (pins.problem(value, 0.1) or "")


@pytest.mark.parametrize("name", ["faust.transport.consumer:Consumer._gone", "aiokafka.producer.sender:GONE"])
def test_a_name_that_is_gone_is_caught(name: str) -> None:
    with pytest.raises(Gone, match=name):
        pins.found(name)


def test_blank_lines_and_what_hangs_over_the_end_of_a_line_are_no_change() -> None:
    assert pins.digest(planted("1"), "source") == pins.digest(planted("1   "), "source")
