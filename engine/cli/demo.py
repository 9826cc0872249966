"""`reel demo`: a stream, its recording in every format, and the check of what was made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.columns import columns
from engine.cli.reporter import StateLines
from engine.cli.running import run, stopping
from engine.media import events
from engine.media.codecs import Format
from engine.mux.probe import Report, probe
from engine.record import Outcome, RecordSpec
from engine.worker import Worker

_SECONDS = 10.0
_VIDEO, _MP3 = "h264_aac_bframes", "h264_mp3"


def demo_command(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to record into.")] = Path(
        "recordings/demo"
    ),
) -> None:
    """Publish two sample streams here, record 10 s of them in every format, and check the files."""
    lines = StateLines()
    files: list[events.FileFinished] = []

    def hear(event: events.Event) -> None:
        if isinstance(event, events.FileFinished):
            files.append(event)
        elif isinstance(event, events.Warned):
            lines.event(event)

    outcomes = run(_demo(output, hear))
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
    reports = [(file, probe(Path(file.path))) for file in sorted(files, key=lambda file: file.path)]
    damaged = _print(reports)
    made = {file.format for file in files}
    raise typer.Exit(1 if damaged or made != set(Format) else 0)


async def _demo(output: Path, hear: Callable[[events.Event], None]) -> Sequence[Outcome]:
    from engine.origin import Origin  # here, because its HTTP server doubles the start of every verb
    from engine.origin.samples import sample_path

    samples = [sample_path(_VIDEO), sample_path(_MP3)]
    async with Origin(samples, rtmp="127.0.0.1:0", http="127.0.0.1:0") as origin, Worker(hear) as worker:
        rtmp, http = origin.rtmp_url(f"live/{_VIDEO}"), origin.http_url(f"live/{_MP3}")
        print(f"recording {_SECONDS:g} s of {rtmp} and {http}")
        four = (Format.FLV, Format.HLS, Format.MP4, Format.AAC)
        for url, formats in ((rtmp, four), (http, (Format.MP3,))):
            spec = RecordSpec(urls=(url,), output=output, format=formats, duration=_SECONDS, reconnect=0)
            worker.add(spec, url)
        with stopping(worker.stop_all):
            return await worker.run_all()


def _print(reports: list[tuple[events.FileFinished, Report]]) -> bool:
    """The table of what was made; true when a file is damaged."""
    rows = [("format", "tracks", "packets", "duration", "size", "check", "file")]
    for file, report in reports:
        tracks = " + ".join(track.codec for track in report.tracks)
        packets = f"{sum(track.packets for track in report.tracks)}"
        size = f"{file.size_bytes / 1000:.0f} kB"
        check = "; ".join(report.damaged) or "ok"
        duration = f"{file.duration_ms / 1000:.2f} s"
        rows.append((file.format.value, tracks, packets, duration, size, check, file.path))
    print("\n".join(columns(rows)))
    return any(report.damaged for _, report in reports)
