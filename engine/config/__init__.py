"""The settings of `reel serve`: one TOML file, then `REEL_*` environment variables over it."""

from engine.config.settings import SEARCHED, Settings, default_text, find_file
from engine.config.tables import Record

__all__ = ["SEARCHED", "Record", "Settings", "default_text", "find_file"]
