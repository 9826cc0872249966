"""What must hold for any bytes that recovery is given."""

from __future__ import annotations

from pathlib import Path

from engine.errors import ReelError
from engine.media.codecs import Format
from engine.mux.probe import probe
from engine.mux.recover import Recovered, recover

FORMATS = (Format.FLV, Format.MP4, Format.AAC, Format.MP3)


def check(data: bytes, folder: Path) -> list[Recovered]:
    """Recovers a file that holds `data` as each format, as one that grew and as one that did not.

    Raises:
        AssertionError: a refused file is changed, or a second recovery does something more.
        Exception: anything but a `ReelError` that came through is a defect too.
    """
    done = (_recover(data, folder, format, grown) for format in FORMATS for grown in (True, False))
    return [recovered for recovered in done if recovered is not None]


def _recover(data: bytes, folder: Path, format: Format, grown: bool) -> Recovered | None:
    file = folder / f"hostile.{format.value}"
    file.write_bytes(data)
    refusal = None
    try:
        recovered = recover(format, file, grown=grown)
    except ReelError as error:
        refusal = str(error)
    whole = file.read_bytes()
    if refusal is not None:
        assert "\n" not in refusal
        assert whole == data, "refused and changed"
        return None
    again = recover(format, file, grown=grown)
    assert file.read_bytes() == whole, "a second recovery changes the file"
    assert (again.stats, again.size_bytes, again.cut_bytes) == (recovered.stats, len(whole), 0)
    assert recovered.size_bytes == len(whole)
    assert recovered.cut_bytes <= len(data)
    probe(file)
    return recovered
