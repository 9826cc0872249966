"""`--on-file`: a command for each finished file, beside the recording."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

from origins.scripted import Client, head, scripted
from reel import Done, reel, running

from engine.media.events import FileFinished, SegmentOpened, Warned

Sample = Callable[[str], Path]

SAMPLE = "h264_aac_bframes"
LIMIT_S = 60.0
TELL = 'cat > "$OUT/$(basename "$REEL_PATH").told"; env | grep ^REEL_ > "$OUT/$(basename "$REEL_PATH").env"'


async def recorded(sample: Sample, folder: Path, command: str, *more: str) -> Done:
    """Records the sample at once; OUT is a folder for what the command leaves."""
    (folder / "told").mkdir(exist_ok=True)
    return await reel(
        *("record", f"{sample(SAMPLE)}?speed=0", "-o", folder / "rec", "--on-file", command, *more),
        env={"OUT": str(folder / "told")},
        cwd=folder,
    )


async def test_each_file_has_its_command(sample: Sample, tmp_path: Path) -> None:
    done = await recorded(sample, tmp_path, TELL, "--json", "-f", "flv,hls,mp4")
    done.assert_done()
    finished = {Path(event.path).name: event for event in done.of(FileFinished)}
    assert {Path(name).suffix for name in finished} == {".flv", ".m3u8", ".mp4"}
    assert {path.name for path in (tmp_path / "told").glob("*.told")} == {f"{name}.told" for name in finished}
    for name, event in finished.items():
        told = (tmp_path / "told" / f"{name}.told").read_text()
        assert json.loads(told) == event.model_dump(mode="json")
        assert told.endswith("\n")
        lines = (tmp_path / "told" / f"{name}.env").read_text().splitlines()
        environment = dict(line.split("=", 1) for line in lines)
        for name in os.environ.keys() & environment.keys():  # of this test run, such as REEL_TEST_ALL
            del environment[name]
        assert environment == {
            "REEL_EVENT": "file_finished",
            "REEL_PATH": str(Path(event.path).absolute()),
            "REEL_FORMAT": event.format,
            "REEL_STREAM": f"localhost/file/{sample(SAMPLE).stem}",
            "REEL_RECORDING": event.recording,
            "REEL_STARTED_AT": event.started_at.isoformat(),
            "REEL_DURATION_MS": str(event.duration_ms),
            "REEL_SIZE_BYTES": str(event.size_bytes),
            "REEL_RECOVERED": "0",
        }


async def test_files_of_dead_processes_have_theirs(sample: Sample, tmp_path: Path) -> None:
    """A file that a killed process left is made final by the next one, in the same folder."""
    async with running(
        "record", str(sample(SAMPLE)), "-o", tmp_path / "rec", "--json", cwd=tmp_path
    ) as first:
        await first.event(SegmentOpened)
        (growing,) = await files_of_some_size(tmp_path / "rec")
        first.send(signal.SIGKILL)
        await first.end()
    await recorded(sample, tmp_path, TELL, "--json")
    told = tmp_path / "told" / (growing.name.removesuffix(".part") + ".env")
    assert "REEL_RECOVERED=1" in told.read_text()


async def files_of_some_size(folder: Path) -> list[Path]:
    """Growing files, once they have some media."""
    async with asyncio.timeout(LIMIT_S):
        while not (found := [path for path in folder.rglob("*.part") if path.stat().st_size > 20_000]):
            await asyncio.sleep(0.05)
    return found


async def test_a_command_that_fails_is_a_warning(sample: Sample, tmp_path: Path) -> None:
    command = "echo first >&2; echo 'no \x1b[2Jspace left' >&2; echo >&2; exit 7"
    done = await recorded(sample, tmp_path, command, "--json")
    done.assert_done()
    (finished,), (warned,) = done.of(FileFinished), done.of(Warned)
    assert (warned.code, warned.format, warned.recording) == ("on_file", "flv", finished.recording)
    assert warned.message.startswith(f"{finished.path}: the command of --on-file ended with 7: ")
    assert warned.message.endswith("no \\x1b[2Jspace left")


async def test_a_command_that_is_not_there_is_a_warning(sample: Sample, tmp_path: Path) -> None:
    done = await recorded(sample, tmp_path, "no-such-program", "--json")
    done.assert_done()
    (warned,) = done.of(Warned)
    assert "ended with 127" in warned.message
    assert "no-such-program" in warned.message


async def test_a_command_that_hangs_is_ended_with_what_it_began(sample: Sample, tmp_path: Path) -> None:
    command = "trap '' TERM; sleep 1000 & echo $! > $OUT/pid; wait; wait"
    done = await recorded(sample, tmp_path, command, "--json", "--on-file-timeout", "500ms")
    done.assert_done()
    (warned,) = done.of(Warned)
    assert "was ended: it ran for more than 0.5 s (--on-file-timeout)" in warned.message
    await gone(int((tmp_path / "told" / "pid").read_text()))


async def gone(pid: int) -> None:
    """Wait until there is no such process."""
    async with asyncio.timeout(LIMIT_S):
        while Path(f"/proc/{pid}").exists() and "Z (" not in Path(f"/proc/{pid}/stat").read_text():
            if " Z " in Path(f"/proc/{pid}/stat").read_text():
                return
            await asyncio.sleep(0.05)


async def test_a_command_that_leaves_something_behind_holds_nothing_up(
    sample: Sample, tmp_path: Path
) -> None:
    done = await recorded(sample, tmp_path, "sleep 1000 & echo $! > $OUT/pid", "--json")
    os.kill(int((tmp_path / "told" / "pid").read_text()), signal.SIGKILL)
    done.assert_done()
    assert done.of(Warned) == []


async def test_commands_run_four_at_a_time_and_none_is_left_out(sample: Sample, tmp_path: Path) -> None:
    """Each waits until four of them are there; with fewer at a time none would end, with more there would be
    more."""
    command = (
        "touch $OUT/begun-$$; while [ $(ls $OUT | grep -c begun) -lt 4 ]; do sleep 0.05; done; "
        "ls $OUT | grep -c run >> $OUT/most; touch $OUT/run-$$; sleep 0.2; rm $OUT/run-$$; touch $OUT/done-$$"
    )
    done = await recorded(sample, tmp_path, command, "--json", "--interval", "1")
    done.assert_done()
    assert len(done.of(FileFinished)) > 4
    assert len(list((tmp_path / "told").glob("done-*"))) == len(done.of(FileFinished))
    most = (tmp_path / "told" / "most").read_text().split()
    assert max(map(int, most)) <= 3


async def test_a_command_never_holds_media_up(sample: Sample, tmp_path: Path) -> None:
    """The recording goes on, and its next files are finished, while the first command waits for them."""
    command = (
        'case "$REEL_PATH" in *-001.flv) while [ ! -e $OUT/second ]; do sleep 0.05; done;; '
        "*-002.flv) touch $OUT/second;; esac"
    )
    done = await recorded(sample, tmp_path, command, "--json", "--interval", "1")
    done.assert_done()
    assert done.of(Warned) == []


async def test_sigint_twice_leaves(sample: Sample, tmp_path: Path) -> None:
    data = sample(SAMPLE).read_bytes()

    async def answer(client: Client) -> None:
        await client.send(head() + data)
        await client.gone()

    (tmp_path / "told").mkdir()
    command = "echo $$ > $OUT/begun; exec sleep 1000"
    async with (
        scripted(answer) as origin,
        running(
            *("record", origin.url(), "-o", tmp_path / "rec", "--json", "--on-file", command),
            env={"OUT": str(tmp_path / "told")},
        ) as recording,
    ):
        await recording.event(SegmentOpened)
        recording.send(signal.SIGINT)
        finished = await recording.event(FileFinished)
        async with asyncio.timeout(LIMIT_S):
            while not (tmp_path / "told" / "begun").exists() or not (tmp_path / "told" / "begun").read_text():
                await asyncio.sleep(0.05)
        recording.send(signal.SIGINT)
        done = await recording.end()
    assert done.code == 0
    assert Path(finished.path).exists()
    (warned,) = done.of(Warned)
    assert "was ended: reel was told to stop twice" in warned.message
    await gone(int((tmp_path / "told" / "begun").read_text()))


async def test_a_time_that_is_none_is_refused(tmp_path: Path) -> None:
    for text, words in (
        ("x", "--on-file-timeout: 'x' is not a duration"),
        ("0", "more than 0 s is expected"),
    ):
        done = await reel(
            "record", "rtmp://h/a/b", "--on-file", "true", "--on-file-timeout", text, cwd=tmp_path
        )
        done.assert_fails(2, words)
