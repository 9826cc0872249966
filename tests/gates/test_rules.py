"""The tree keeps the rules, and each rule finds what it is for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gates import rules

ROOT = Path(__file__).resolve().parents[2]

# A tree that keeps every rule.
SOUND = {
    "pyproject.toml": """
[project]
version = "1.2.3"
[[tool.importlinter.contracts]]
source_modules = ["engine.media"]
forbidden_modules = ["av"]
""",
    "CONTRIBUTING.md": """
    engine/        the package
    engine/media/  the vocabulary
    native/core/   wire formats
""",
    "engine/__init__.py": '__version__ = "1.2.3"\n',
    "engine/media/__init__.py": "\n",
    "engine/media/batch.py": "def size(rows: list[int]) -> int:\n    return sum(rows)\n",
    "native/Cargo.toml": '[workspace.package]\nversion = "1.2.3"\n',
    "native/core/Cargo.toml": '[dependencies]\nhttparse = "1"\n',
    "native/core/src/tag.rs": "pub const TAG_BYTES: usize = 40;\n",
}

# What breaks which rule: a file and its text.
PLANTS: list[tuple[str, str, str]] = [
    ("short_files", "engine/media/long.py", "x = 1\n" * 501),
    ("short_files", "native/core/src/long.rs", "// x\n" * 501),
    ("top_level", "scripts/run.py", "x = 1\n"),
    ("top_level", "NOTES.md", "x\n"),
    ("telling_names", "engine/media/utils.py", "x = 1\n"),
    ("telling_names", "engine/media/task_manager.py", "x = 1\n"),
    ("telling_names", "native/core/src/helpers.rs", "\n"),
    ("folders_listed", "engine/mux/ts.py", "x = 1\n"),
    ("folders_listed", "engine/clock.py", "x = 1\n"),
    ("folders_listed", "native/fuzz/Cargo.toml", "\n"),
    (
        "folders_listed",
        "CONTRIBUTING.md",
        "    engine/ a\n    engine/media/ b\n    native/core/ c\n    engine/gone/ d\n",
    ),
    ("no_promises", "engine/media/batch.py", "x = 1  # TO" + "DO: more\n"),
    ("no_promises", "native/core/src/tag.rs", "fn f() { to" + "do!() }\n"),
    ("no_registry_hosts", "README.md", "see https://py" + "pi.org/project/x\n"),
    ("no_registry_hosts", ".ci/run", "npm --registry https://registry.npm" + "js.org\n"),
    ("pure_stages", "engine/media/batch.py", "text = open('x').read()\n"),
    ("pure_stages", "engine/timeline/clock.py", "from datetime import datetime\nnow = datetime.now()\n"),
    ("pure_stages", "engine/segment/cut.py", "from pathlib import Path\nx = Path('x').read_text()\n"),
    (
        "no_imports_by_string",
        "engine/media/batch.py",
        "import importlib\nav = importlib.import_module('av')\n",
    ),
    ("no_imports_by_string", "engine/media/batch.py", "av = __import__('av')\n"),
    ("av_contract_is_whole", "engine/store/names.py", "x = 1\n"),
    ("core_without_python", "native/core/Cargo.toml", '[dependencies]\npyo3 = "0.26"\n'),
    ("core_without_python", "native/core/src/tag.rs", "fn f() { unsafe { g() } }\n"),
    ("one_version", "native/Cargo.toml", '[workspace.package]\nversion = "1.2.4"\n'),
    ("one_version", "engine/__init__.py", '__version__ = "1.2.2"\n'),
]


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_this_tree_keeps_the_rule(rule: Callable[[Path], Iterator[str]]) -> None:
    assert list(rule(ROOT)) == []


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_a_sound_tree_passes(rule: Callable[[Path], Iterator[str]], tmp_path: Path) -> None:
    write(tmp_path, SOUND)
    assert list(rule(tmp_path)) == []


@pytest.mark.parametrize(("name", "path", "text"), PLANTS, ids=[f"{name}-{path}" for name, path, _ in PLANTS])
def test_a_planted_violation_is_found(name: str, path: str, text: str, tmp_path: Path) -> None:
    write(tmp_path, SOUND | {path: text})
    assert list(getattr(rules, name)(tmp_path))


def test_every_rule_has_a_planted_violation() -> None:
    assert {name for name, _, _ in PLANTS} == {rule.__name__ for rule in rules.RULES}
