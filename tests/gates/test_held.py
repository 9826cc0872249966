"""tests/README.md names tests that exist, for every rule and every class of failure."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
ROWS = [
    *(f"F{number}" for number in range(1, 7)),
    *(f"C{number}" for number in range(1, 6)),
    *(f"S{number}" for number in range(1, 8)),
    "G1",
    *(f"T{number:02}" for number in range(1, 37)),
    *(f"D{number:02}" for number in range(1, 20)),
]
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


def rows(text: str) -> dict[str, str]:
    """The last cell of each row, by its first."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and re.fullmatch(r"[A-Z]\d+", cells[0]):
            assert cells[0] not in found, f"{cells[0]} has two rows"
            found[cells[0]] = cells[2]
    return found


def missing(text: str) -> list[str]:
    """The tests named in a text that do not exist."""
    names: dict[str, set[str]] = {}
    absent = []
    for file, name in NAMED.findall(text):
        path = TESTS / file
        if file not in names:
            tree = ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else ast.Module([], [])
            defined = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
            names[file] = {node.name for node in defined}
        if name not in names[file] or not name.startswith("test_"):
            absent.append(f"{file}::{name}")
    return absent


def test_every_rule_and_class_has_its_row() -> None:
    held = rows((TESTS / "README.md").read_text(encoding="utf-8"))
    assert list(held) == ROWS
    for rule, by in held.items():
        assert NAMED.search(by) or by.startswith("none"), f"{rule} names neither a test nor why there is none"


def test_every_test_it_names_exists() -> None:
    assert missing((TESTS / "README.md").read_text(encoding="utf-8")) == []


def test_a_test_that_does_not_exist_is_found() -> None:
    assert missing("`gates/test_held.py::test_gone` `gates/gone.py::test_x`") == [
        "gates/test_held.py::test_gone",
        "gates/gone.py::test_x",
    ]


def test_no_two_test_modules_share_a_name() -> None:
    """Test folders are no packages: pytest would take one module for the other."""
    names = [path.name for path in TESTS.rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


def test_no_module_beside_tests_hides_one_above_them() -> None:
    """Each test folder comes on sys.path: one of two modules of a name would be imported for the other."""
    above = {path.stem for path in TESTS.glob("*.py")}
    beside = {path.stem for path in TESTS.glob("*/*.py")}
    assert above & beside <= {"conftest"}
