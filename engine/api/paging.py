"""Lists that are given a page at a time. Pure."""

from __future__ import annotations


def pages(total: int, size: int) -> int:
    """How many pages of `size` hold `total`."""
    return -(-total // size)
