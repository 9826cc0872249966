"""The settings of `reel serve`: one TOML file, then `REEL_*` environment variables over it."""

from engine.config.settings import SEARCHED, Settings, default_text, find_file, source_text
from engine.config.tables import Api, OriginSettings, Record

__all__ = [
    "SEARCHED",
    "Api",
    "OriginSettings",
    "Record",
    "Settings",
    "default_text",
    "find_file",
    "source_text",
]
