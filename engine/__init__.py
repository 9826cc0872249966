"""Reelkeeper: a recording engine for live streams."""

__version__ = "0.1.0"
