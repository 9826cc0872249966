"""The rules of the house that no linter knows. Each takes the root of a tree and gives its violations."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

MAX_LINES = 500

TOP_LEVEL = frozenset(
    {
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "Containerfile",
        "LICENSE",
        "NOTICE",
        "README.md",
        "benchmarks",
        "deploy",
        "docs",
        "engine",
        "native",
        "pyproject.toml",
        "sample_streams",
        "tests",
    }
)

# Names that say nothing of what is inside.
EMPTY_NAMES = re.compile(r"^(utils?|helpers?|managers?|misc|common)$|_(utils?|helpers?|managers?)$")

# Spelled so that this file keeps its own rules.
PROMISES = re.compile(r"\b(TO[D]O|FI[X]ME|XX[X])\b|\b(to[d]o|unimplemente[d])!\(")
REGISTRIES = ("pypi", "pythonhosted", "crates", "npmjs", r"proxy\.golang", r"deb\.debian", r"repo1?\.maven")
REGISTRY_HOSTS = re.compile(rf"\b({'|'.join(REGISTRIES)})\.(org|io|com|apache)\b(?!-index)")

PURE = ("engine/media", "engine/timeline", "engine/segment")
# What reads a clock or a file without an import that lint-imports would see.
IMPURE_NAMES = frozenset({"open", "input", "print", "breakpoint"})
IMPURE_ATTRIBUTES = frozenset(
    {
        "now",
        "utcnow",
        "today",
        "open",
        "read_text",
        "read_bytes",
        "write_text",
        "write_bytes",
        "unlink",
        "mkdir",
    }
)


def tracked(root: Path, *suffixes: str) -> list[Path]:
    """Files of the tree, relative to its root: what git tracks or would track; all without git."""
    if (root / ".git").exists():
        listing = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = (
            subprocess.run(listing, check=True, capture_output=True, timeout=30).stdout.decode().split("\0")
        )
        found = [Path(name) for name in names if name and (root / name).is_file()]
    else:
        found = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
    return sorted(path for path in found if not suffixes or path.suffix in suffixes)


def _lines(root: Path, path: Path) -> list[str]:
    return (root / path).read_text(encoding="utf-8", errors="replace").splitlines()


def short_files(root: Path) -> Iterator[str]:
    """A file one can hold in the head."""
    for path in tracked(root, ".py", ".pyi", ".rs"):
        count = len(_lines(root, path))
        if path.parts[0] in {"engine", "native", "tests", "benchmarks"} and count > MAX_LINES:
            yield f"{path}: {count} lines, {MAX_LINES} are allowed"


def top_level(root: Path) -> Iterator[str]:
    """A top level of few things, all of them known."""
    for name in sorted({path.parts[0] for path in tracked(root)} - TOP_LEVEL):
        if not name.startswith("."):
            yield f"{name}: not one of the top-level entries of CONTRIBUTING.md"


def telling_names(root: Path) -> Iterator[str]:
    """Modules and folders named after what is in them."""
    for path in tracked(root, ".py", ".rs"):
        for part in (*path.parent.parts, path.stem):
            if EMPTY_NAMES.search(part):
                yield f"{path}: the name {part!r} does not say what is inside"


def folders_listed(root: Path) -> Iterator[str]:
    """CONTRIBUTING.md lists every folder of engine, native and the top level in one line."""
    listed = {
        line.split()[0].rstrip("/")
        for line in _lines(root, Path("CONTRIBUTING.md"))
        if line.startswith("    ") and len(line.split()) > 1
    }
    folders: set[str] = set()
    for path in tracked(root):
        match path.parts:
            case ("engine" | "native" as top, folder, _, *_):
                folders.add(f"{top}/{folder}")
            case ("engine", module) if module.endswith(".py") and module != "__init__.py":
                folders.add(f"engine/{module}")
            case (folder, _, *_) if folder != "native" and not folder.startswith("."):
                folders.add(folder)
    yield from (f"{folder}: not in the list of CONTRIBUTING.md" for folder in sorted(folders - listed))
    for name in sorted(listed):
        if name.startswith(("engine/", "native/")) and not (root / name).exists():
            yield f"{name}: in the list of CONTRIBUTING.md, but not there"


def no_promises(root: Path) -> Iterator[str]:
    """What is not done is an issue, not a remark in the code."""
    for path in tracked(root, ".py", ".pyi", ".rs", ".toml", ".sh", ".js"):
        for number, line in enumerate(_lines(root, path), 1):
            if PROMISES.search(line):
                yield f"{path}:{number}: {line.strip()}"


def no_registry_hosts(root: Path) -> Iterator[str]:
    """Packages come by name from whatever registry the machine is set up with."""
    for path in tracked(root):
        for number, line in enumerate(_lines(root, path), 1):
            if found := REGISTRY_HOSTS.search(line):
                yield f"{path}:{number}: names the host {found.group()}"


def pure_stages(root: Path) -> Iterator[str]:
    """media, timeline and segment call nothing that reads a clock or touches a file."""
    for path in tracked(root, ".py"):
        if not path.as_posix().startswith(PURE):
            continue
        for node in ast.walk(ast.parse((root / path).read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id=name)) if name in IMPURE_NAMES:
                    yield f"{path}:{node.lineno}: calls {name}()"
                case ast.Call(func=ast.Attribute(attr=name)) if name in IMPURE_ATTRIBUTES:
                    yield f"{path}:{node.lineno}: calls .{name}()"


def no_imports_by_string(root: Path) -> Iterator[str]:
    """An import made from a string is one that the import rules cannot see."""
    for path in tracked(root, ".py"):
        if path.parts[0] != "engine":
            continue
        for node in ast.walk(ast.parse((root / path).read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="__import__" | "import_module" as name)):
                    yield f"{path}:{node.lineno}: calls {name}()"
                case ast.Call(func=ast.Attribute(attr="import_module")):
                    yield f"{path}:{node.lineno}: calls import_module()"


def av_contract_is_whole(root: Path) -> Iterator[str]:
    """The contract "only mux imports av" names every part of the engine but mux."""
    config = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = config["tool"]["importlinter"]["contracts"]
    named = {m for c in contracts if c.get("forbidden_modules") == ["av"] for m in c["source_modules"]}
    parts = {
        f"engine.{path.parts[1].removesuffix('.py')}"
        for path in tracked(root, ".py")
        if path.parts[0] == "engine" and path.name != "__init__.py"
    }
    yield from (f"{part}: not under the contract" for part in sorted(parts - named - {"engine.mux"}))


def core_without_python(root: Path) -> Iterator[str]:
    """native/core depends on nothing of Python's, and no crate of ours allows unsafe code."""
    manifest = tomllib.loads((root / "native/core/Cargo.toml").read_text(encoding="utf-8"))
    for name in manifest.get("dependencies", {}):
        if name.startswith(("pyo3", "numpy", "cpython")):
            yield f"native/core/Cargo.toml: depends on {name}"
    for path in tracked(root, ".rs"):
        for number, line in enumerate(_lines(root, path), 1):
            if re.search(r"allow\(.*unsafe_code|\bunsafe\s*(\{|fn|impl)", line):
                yield f"{path}:{number}: {line.strip()}"


def one_version(root: Path) -> Iterator[str]:
    """pyproject.toml, the package and the crates carry one version."""
    version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    cargo = tomllib.loads((root / "native/Cargo.toml").read_text(encoding="utf-8"))["workspace"]["package"][
        "version"
    ]
    if cargo != version:
        yield f"native/Cargo.toml: {cargo}, pyproject.toml: {version}"
    if f'__version__ = "{version}"' not in (root / "engine/__init__.py").read_text(encoding="utf-8"):
        yield f"engine/__init__.py: __version__ is not {version}"


RULES = (
    short_files,
    top_level,
    telling_names,
    folders_listed,
    no_promises,
    no_registry_hosts,
    pure_stages,
    no_imports_by_string,
    av_contract_is_whole,
    core_without_python,
    one_version,
)
