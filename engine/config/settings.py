"""Settings: read from a file and the environment, checked, with relative paths resolved.

A variable names its key with two underscores between table and key: `REEL_API__LISTEN`, `REEL_CATALOG__URL`.
`REEL_LOG=debug` is short for `REEL_LOG__LEVEL=debug`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from engine.config import tables
from engine.errors import UsageError
from engine.validation import Location, dotted, first_problem

SEARCHED = (Path("reel.toml"), Path("/etc/reelkeeper/reel.toml"))
"""Settings files that are looked for when none is named, the first one first."""


class Settings(BaseSettings):
    """All tables. Made by `Settings.read`."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        env_prefix="REEL_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
    )

    record: tables.Record = tables.Record()
    log: tables.Log = tables.Log()
    api: tables.Api = tables.Api()
    storage: tables.Storage = tables.Storage()
    catalog: tables.CatalogSettings = tables.CatalogSettings()
    origin: tables.OriginSettings = tables.OriginSettings()
    workers: tables.Workers = tables.Workers()
    limits: tables.Limits = tables.Limits()
    tencent: tables.Tencent = tables.Tencent()
    aliyun: tables.Aliyun = tables.Aliyun()
    callbacks: tables.Callbacks = tables.Callbacks()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment goes before the file, whose tables come in as arguments."""
        return _Environment(settings_cls), init_settings

    @classmethod
    def read(cls, path: Path | None) -> Settings:
        """Settings of a file with the environment over it; without a file, defaults and environment.

        Relative paths of a file (`storage.root`, and the file of an SQLite URL), its defaults included, are
        taken from the file's folder; relative paths of variables from the current one.

        Raises:
            UsageError: it cannot be read, is not TOML, or a key is unknown or wrong: which, and why.
        """
        _check_tables_of_variables(os.environ)
        fields = {} if path is None else _beside(_read_toml(path), path.parent)
        try:
            return cls(**fields)
        except ValidationError as error:
            raise UsageError(first_problem(error, cls, partial(_name, path))) from None


class _Environment(EnvSettingsSource):
    """Variables, with `REEL_LOG` as a level beside the keys of its table. An empty one counts as none, but an
    empty list of formats is an empty list."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        variables = dict(self.env_vars)
        level = variables.pop("reel_log", None)
        if level:
            variables.setdefault("reel_log__level", level)
        if any(name.lower() == "reel_record__formats" and not text for name, text in os.environ.items()):
            variables["reel_record__formats"] = "[]"
        self.env_vars = variables

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """A list or a table as JSON; other text is left for validation, which says what is expected."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


def find_file(given: Path | None) -> Path | None:
    """The settings file to read: the one that was named, or the first of `SEARCHED` that exists."""
    return given or next((path for path in SEARCHED if path.is_file()), None)


def source_text(file: Path | None) -> str:
    """Where settings come from, for people: the file that `find_file` gave, or why there is none."""
    if file is not None:
        return str(file.resolve())
    return f"the defaults: there is no {' and no '.join(str(path) for path in SEARCHED)}"


def default_text() -> str:
    """A TOML file with every key, its default and what it is for."""
    return (files("engine.config") / "default.toml").read_text(encoding="utf-8")


def _name(path: Path | None, location: Location) -> str:
    """A key as the user wrote it: the variable that sets it, or the file and its key."""
    keys = [str(part) for part in location if isinstance(part, str)]
    variables = ["REEL_" + "__".join(keys[:depth]).upper() for depth in range(len(keys), 0, -1)]
    variable = next((name for name in variables if os.environ.get(name)), None)
    return variable or f"{path or 'settings'}: {dotted(location)}"


def _check_tables_of_variables(names: Iterable[str]) -> None:
    """Refuse a variable of an unknown table, which pydantic ignores.

    Raises:
        UsageError: the table of a `REEL_TABLE__KEY` variable does not exist.
    """
    tables_known = list(Settings.model_fields)
    for name in names:
        table, separator, _ = name.lower().removeprefix("reel_").partition("__")
        if name.lower().startswith("reel_") and separator and table not in tables_known:
            raise UsageError(f"{name}: there is no such table; there are {', '.join(tables_known)}")


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not TOML: {error}") from None


def _beside(fields: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Resolve relative paths, given or default, from the folder. Wrong types are left for validation."""
    storage, catalog = fields.get("storage", {}), fields.get("catalog", {})
    if isinstance(storage, dict):
        root = storage.get("root", tables.Storage().root)
        if isinstance(root, str | Path):
            storage = {**storage, "root": str(folder / root)}
    if isinstance(catalog, dict):
        url = catalog.get("url", tables.CatalogSettings().url)
        if isinstance(url, str):
            prefix, _, name = url.partition(":///")
            if prefix.startswith("sqlite") and name and name != ":memory:" and not name.startswith("/"):
                catalog = {**catalog, "url": f"{prefix}:///{folder / name}"}
    return {**fields, "storage": storage, "catalog": catalog}
