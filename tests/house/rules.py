"""The house rules as functions over any tree, so that each can be shown a planted violation."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "stream_app"
MAX_LINES = 400
MAX_MEDIAN = 150
REFUSED_NAMES = ("utils", "util", "helpers", "helper", "manager", "managers", "common", "misc")


def tracked(root: Path = ROOT) -> list[Path]:
    """Files that git knows or would take, so that a new file is judged before it is committed."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    paths = (root / name for name in listed.stdout.decode().split("\0") if name)
    return sorted(path for path in paths if path.is_file())


def modules(root: Path = ROOT, package: str = PACKAGE) -> list[Path]:
    """Python modules of the package, `__init__` included."""
    return sorted((root / package).rglob("*.py"))


def too_long(paths: Iterable[Path]) -> list[str]:
    """Modules over the budget."""
    sizes = {path: _lines(path) for path in paths}
    return [f"{path.name}: {count} lines, at most {MAX_LINES}" for path, count in sizes.items() if count > MAX_LINES]


def median_lines(paths: Iterable[Path]) -> float:
    """Median length of the modules that hold code (a package's bare docstring is not one)."""
    return median(count for path in paths if (count := _lines(path)) > 5)


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def undocumented(path: Path) -> list[str]:
    """The module, public classes, functions and methods without a docstring.

    A bare `...` in a protocol needs none, nor does a method that a library's base class asks for (`click.Group`).
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [] if ast.get_docstring(tree) else [f"{path.name}: the module opens without a docstring"]
    return found + [f"{path.name}: {name} has no docstring" for name in _bare(tree.body, "")]


def _bare(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node) and not _only_dots(node):
            yield f"{prefix}{node.name}"
        if isinstance(node, ast.ClassDef) and not any(isinstance(base, ast.Attribute) for base in node.bases):
            yield from _bare(node.body, f"{prefix}{node.name}.")


def claims_its_place(source: str) -> bool:
    """Whether the first paragraph of the module's docstring says what it is the only place (or module) for."""
    opening = (ast.get_docstring(ast.parse(source)) or "").split("\n\n")[0]
    return re.search(r"\b[Oo]nly (place|module)\b", opening) is not None


def _only_dots(node: ast.stmt) -> bool:
    match node:
        case ast.FunctionDef(body=[ast.Expr(value=ast.Constant(value=value))]):
            return value is ...
    return False


def without_tests(root: Path, package: str, exceptions: Iterable[str]) -> list[str]:
    """Modules without their own test file, and exceptions that have one or do not exist."""
    excused = set(exceptions)
    found = []
    for path in modules(root, package):
        module = path.relative_to(root / package)
        if _lines(path) <= 5:
            continue
        test = expected_test(module)
        has = (root / "tests" / test).is_file()
        if has and module.as_posix() in excused:
            found.append(f"{module.as_posix()} has a test and needs no exception")
        elif not has and module.as_posix() not in excused:
            found.append(f"{module.as_posix()} has no tests/{test.as_posix()}")
    names = {path.relative_to(root / package).as_posix() for path in modules(root, package)}
    return found + [f"exception for {name}, which does not exist" for name in sorted(excused - names)]


def expected_test(module: Path) -> Path:
    """`x/y.py` -> `x/test_y.py`; a package's `__init__.py` -> `x/test_init.py`, at the top `test_init.py`."""
    name = {"__init__": "init", "__main__": "main"}.get(module.stem, module.stem)
    return module.parent / f"test_{name}.py"


def without_module(root: Path, package: str, rooms: Iterable[str]) -> list[str]:
    """Test files that mirror no module; `rooms` are folders and files that test something else."""
    known = {expected_test(path.relative_to(root / package)).as_posix() for path in modules(root, package)}
    found = []
    for path in sorted((root / "tests").rglob("test_*.py")):
        name = path.relative_to(root / "tests").as_posix()
        if name not in known and not name.startswith(tuple(rooms)):
            found.append(f"tests/{name} mirrors no module")
    return found


def badly_named(paths: Iterable[Path]) -> list[str]:
    """Modules and packages with a name that says nothing."""
    return [path.as_posix() for path in paths if any(part in REFUSED_NAMES for part in (*path.with_suffix("").parts,))]


def loose_registries(path: Path, names: Iterable[str]) -> list[str]:
    """Of these module-level names, those that are not an explicit tuple."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    values = {}
    for node in tree.body:
        targets = (
            [node.target] if isinstance(node, ast.AnnAssign) else node.targets if isinstance(node, ast.Assign) else []
        )
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(node, ast.AnnAssign | ast.Assign):
                values[target.id] = node.value
    return [name for name in names if not isinstance(values.get(name), ast.Tuple)]


# Written in pieces, so that this file does not hold what it looks for.
_FOREIGN = re.compile(
    r"((?<![\w.~-])/(?:" + r"work/|" + r"root/|" + r"home/[a-z]|" + r"opt/[a-z]+/)"
    r"|registry\.npmjs|files\.pythonhosted|repo1\.maven|repo\.maven|pypi\.org/simple|deb\.debian|proxy\.golang)"
)


def foreign_places(text: str) -> list[str]:
    """Machine paths and hosts of package registries in the text."""
    return [match.group(0) for match in _FOREIGN.finditer(text)]


def loose_pins(pyproject: str, pins: Iterable[str]) -> list[str]:
    """Of these exact pins, those that pyproject does not hold."""
    dependencies = tomllib.loads(pyproject)["project"]["dependencies"]
    return [pin for pin in pins if pin not in dependencies]


_REQUIREMENT = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==([^\s;\\]+)")


def locked(lock: str) -> dict[str, tuple[str, int]]:
    """Name -> (version, number of hashes) of every requirement in a lock file."""
    found: dict[str, tuple[str, int]] = {}
    name = ""
    for line in lock.splitlines():
        if match := _REQUIREMENT.match(line):
            name = _normal(match.group(1))
            found[name] = (match.group(2), 0)
        if name and "--hash=sha256:" in line:
            version, count = found[name]
            found[name] = (version, count + line.count("--hash=sha256:"))
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def lock_disagreements(pyproject: str, lock: str) -> list[str]:
    """Requirements without a hash, and dependencies of pyproject that the lock lacks or pins to something else."""
    from packaging.requirements import Requirement

    project = tomllib.loads(pyproject)["project"]
    wanted = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
    ]
    have = locked(lock)
    found = [f"{name} has no hash" for name, (_, hashes) in have.items() if not hashes]
    for text in wanted:
        requirement = Requirement(text)
        version = have.get(_normal(requirement.name), (None, 0))[0]
        if version is None:
            found.append(f"{requirement.name} is not in the lock")
        elif not requirement.specifier.contains(version, prereleases=True):
            found.append(f"{requirement} is locked to {version}")
    return found


def code_blocks(markdown: str, languages: tuple[str, ...] = ("sh", "bash", "console")) -> list[str]:
    """Command lines in fenced blocks of these languages, without prompts, comments and continuations."""
    found = []
    for language, body in re.findall(r"^```(\w*)\n(.*?)^```", markdown, flags=re.MULTILINE | re.DOTALL):
        if language in languages:
            lines = body.replace("\\\n", " ").splitlines()
            found += [line.split(" #")[0].removeprefix("$ ").strip() for line in lines]
    return [line for line in found if line and not line.startswith("#")]


def relative_links(markdown: str) -> list[str]:
    """Targets of links that point into the checkout, without their anchors."""
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"^```.*?^```", "", markdown, flags=re.MULTILINE | re.DOTALL))
    return [
        target.split("#")[0] for target in targets if "://" not in target and not target.startswith(("#", "mailto:"))
    ]


def make_targets(makefile: str) -> set[str]:
    """Targets that the Makefile defines."""
    return {
        name
        for line in makefile.splitlines()
        if (match := re.match(r"^([a-z][a-z0-9 -]*):(?!=)", line))
        for name in match.group(1).split()
    }
