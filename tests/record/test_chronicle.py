"""What a process after this one would know, at any moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.recordings import Recorder
from origins.troubled import Picture, Stream, troubled
from waiting import until

from engine.record.announcer import Announcer
from engine.record.output import OutputReport

FORMATS = ("flv", "m3u8", "mp4")


async def test_a_file_is_in_it_before_it_holds_a_frame(
    sample: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the event loop is busy with: a process that is killed then would leave a file of which the
    next one knows nothing, and which covers a part of the window that the next file covers again."""
    held_back: list[tuple[Announcer, OutputReport]] = []
    hear = Announcer.hear
    monkeypatch.setattr(Announcer, "hear", lambda *heard: held_back.append(heard))
    stream = Stream(Picture.of(sample("h264_aac_bframes")))
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url("x"), id="one", format="flv,hls,mp4")
        folder = tmp_path / "recorded-0"
        chronicle = folder / ".reel" / "one.journal"
        await until(lambda: len(held_back) == len(FORMATS))
        lines = chronicle.read_text()
        begun = [path.name.removesuffix(".journal") for path in folder.rglob("*Z-*.journal")]
        assert sorted(name.rpartition(".")[2] for name in begun) == sorted(FORMATS)
        assert all(name in lines for name in begun)
        monkeypatch.setattr(Announcer, "hear", hear)
        for heard in held_back:
            hear(*heard)
        recording.stop()
        await recorder.ended()
        assert not chronicle.exists()
