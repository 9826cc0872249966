"""`reel codecs`: which format holds which codec."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from engine.media.codecs import MATRIX, Format, Support

_SHOWN = {
    Support.SUPPORTED: "[green]supported[/green]",
    Support.EXTENDED: "[yellow]extended[/yellow]",
    Support.NOT_SUPPORTED: "[dim]not supported[/dim]",
}


def codecs_command() -> None:
    """Show which format holds which codec.

    "extended" is a private extension of FLV, readable by players made for it. AAC and MP3 files hold the
    stream's audio alone.
    """
    table = Table(box=None, header_style="bold")
    table.add_column("codec")
    for format in Format:
        table.add_column(format.value.upper())
    for codec, row in MATRIX.items():
        table.add_row(codec.label, *(_SHOWN[row[format]] for format in Format))
    Console(highlight=False).print(table)
