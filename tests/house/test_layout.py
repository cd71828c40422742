"""Modules are small, say what they are for, have names that mean something, and a test file of their own."""

from __future__ import annotations

from pathlib import Path

from tests.house import rules

WITHOUT_OWN_TEST: tuple[tuple[str, str], ...] = (
    ("dev/__init__.py", "a docstring: the map of the room"),
    ("core/claims/__init__.py", "the map of the room; its tests are those of its modules"),
    ("core/model.py", "conventions only; every model's test goes through it"),
    ("core/reviews.py", "shapes only; tests/core/test_reviewing.py moves them, tests/house/test_schemas.py holds them"),
    ("pipeline/ports.py", "protocols and plain records: nothing in it decides"),
)
"""Module below stream_app, and why it has no test file of its own."""

OTHER_TESTS = (
    "house/", "scenarios/", "tools/", "chaos/", "conformance/", "contracts/", "bench/", "golden/", "fuzz/", "canaries/",
)  # fmt: skip
"""Below tests/: rooms whose tests mirror no module of stream_app."""


def test_no_module_is_over_its_budget() -> None:
    assert rules.too_long(rules.modules()) == []
    assert rules.too_long(rules.modules(package="tools")) == []
    assert rules.median_lines(rules.modules()) <= rules.MAX_MEDIAN


def test_a_long_module_is_found(tmp_path: Path) -> None:
    long, short = tmp_path / "long.py", tmp_path / "short.py"
    long.write_text("x = 1\n" * (rules.MAX_LINES + 1), encoding="utf-8")
    short.write_text("x = 1\n" * rules.MAX_LINES, encoding="utf-8")
    assert rules.too_long([long, short]) == ["long.py: 401 lines, at most 400"]
    assert rules.median_lines([long, long, short]) > rules.MAX_MEDIAN


def test_every_public_name_has_a_docstring() -> None:
    paths = [*rules.modules(), *rules.modules(package="tools")]
    assert [line for path in paths for line in rules.undocumented(path)] == []


def test_a_missing_docstring_is_found(tmp_path: Path) -> None:
    module = tmp_path / "bare.py"
    module.write_text(
        "class A:\n    def b(self): pass\n    def _c(self): pass\n    def e(self): ...\nasync def d(): pass\n",
        encoding="utf-8",
    )
    assert rules.undocumented(module) == [
        "bare.py: the module opens without a docstring",
        "bare.py: A has no docstring",
        "bare.py: A.b has no docstring",
        "bare.py: d has no docstring",
    ]


def test_every_module_says_what_it_is_the_only_place_for() -> None:
    named = [path for path in rules.modules() if path.name not in {"__init__.py", "__main__.py"}]
    assert [path.as_posix() for path in named if not rules.claims_its_place(path.read_text(encoding="utf-8"))] == []
    assert not rules.claims_its_place('"""Things about joins.\n\nThe only place for this and that."""\n')


def test_tests_mirror_the_package() -> None:
    assert all(reason for _, reason in WITHOUT_OWN_TEST)
    assert rules.without_tests(rules.ROOT, rules.PACKAGE, (name for name, _ in WITHOUT_OWN_TEST)) == []
    assert rules.without_module(rules.ROOT, rules.PACKAGE, OTHER_TESTS) == []


def test_a_module_without_a_test_and_a_test_without_a_module_are_found(tmp_path: Path) -> None:
    for name in ("app/core/a.py", "app/core/b.py", "app/core/c.py", "tests/core/test_a.py", "tests/core/test_gone.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n" * 20, encoding="utf-8")
    assert rules.without_tests(tmp_path, "app", ("core/a.py", "core/b.py", "core/z.py")) == [
        "core/a.py has a test and needs no exception",
        "core/c.py has no tests/core/test_c.py",
        "exception for core/z.py, which does not exist",
    ]
    assert rules.without_module(tmp_path, "app", ("house/",)) == ["tests/core/test_gone.py mirrors no module"]
    assert rules.without_module(tmp_path, "app", ("core/",)) == []


def test_names_say_something() -> None:
    paths = [path.relative_to(rules.ROOT) for path in rules.tracked() if path.suffix == ".py"]
    assert rules.badly_named(paths) == []
    planted = [Path("stream_app/utils.py"), Path("stream_app/common/x.py"), Path("stream_app/core/join.py")]
    assert rules.badly_named(planted) == ["stream_app/utils.py", "stream_app/common/x.py"]
