"""What the actions of the dialects work with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from engine.catalog import Catalog
from engine.clock import wall_now

if TYPE_CHECKING:  # it loads the whole data path, which most of the API does not need
    from engine.control.control import Control


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """One per server, given to each dialect.

    `domain` is the push domain of streams whose caller names none, empty when there is no only one. `root` is
    where the files are, `public_url` the URL they are served under (without a slash at its end).
    `private_addresses` says whether Aliyun's notices may go to this machine and its network.
    """

    catalog: Catalog
    control: Control
    root: Path
    public_url: str
    domain: str = ""
    private_addresses: bool = True
    template_limit: int = 50
    rule_limit: int = 50
    now: Callable[[], datetime] = wall_now
    rules_changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by whoever changes record templates or their rules, so that limits hold."""
