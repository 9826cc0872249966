"""`reel repair`: what a killed recorder left becomes final, what cannot is said, nothing else is touched."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from filesystems import tmpfs
from oracle.ledger import stretches
from oracle.rules import assert_f3, assert_playlist
from reel import Done, running

from engine.cli.main import main
from engine.media.events import FileFinished, Live
from engine.mux.probe import probe
from engine.origin import Origin
from engine.store import GrowingFile, Journal, release_reserve

SAMPLES = {"h264_aac_bframes": "flv,hls,mp4,aac", "h264_mp3": "mp3"}
ENDINGS = (".flv", ".m3u8", ".mp4", ".aac", ".mp3")
Sample = Callable[[str], Path]
Repair = Callable[..., Done]


@pytest.fixture
def repair(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Repair:
    """The command, in this process."""

    def run(*arguments: str | Path) -> Done:
        monkeypatch.setattr("sys.argv", ["reel", "repair", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        out, err = capsys.readouterr()
        return Done(ended.value.code, out, err)

    return run


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What recorders of every format left when they were killed."""
    from oracle.samples import SAMPLE_STREAMS

    folder = tmp_path_factory.mktemp("killed")

    async def record(origin: Origin, name: str) -> None:
        options = ("-o", folder, "-f", SAMPLES[name], "--hls-time", "1", "--name", "{stream}-{seq}", "--json")
        async with running("record", origin.http_url(f"live/{name}"), *options) as command:
            await command.event(Live)
            while len(list(folder.rglob("*.ts"))) < 2 or len(list(folder.rglob("*.mp3.part"))) < 1:
                await asyncio.sleep(0.05)
            await asyncio.sleep(2)
            command.send(signal.SIGKILL)
            await command.end()

    async def record_both() -> None:
        async with Origin([SAMPLE_STREAMS / f"{name}.flv" for name in SAMPLES]) as origin:
            await asyncio.gather(*(record(origin, name) for name in SAMPLES))

    asyncio.run(record_both())
    return folder


@pytest.fixture
def left(killed: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(killed, tmp_path / "left"))


def final(folder: Path, ending: str) -> Path:
    """The name of the file that will end like this."""
    (journal,) = folder.rglob(f"*{ending}.journal")
    return journal.with_name(journal.name.removesuffix(".journal"))


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_leftovers_of_a_killed_recorder(left: Path, repair: Repair) -> None:
    files = [final(left, ending) for ending in ENDINGS]
    done = repair(left)
    assert (done.code, done.err) == (0, "")
    for path in files:
        assert f"repaired {path} (" in done.out
        assert_f3(path)
        assert probe(path).damaged == []
        stretches([path])
        assert json.loads(path.with_name(path.name + ".json").read_bytes())["recovered"] is True
    assert_playlist(files[1])
    assert not [path for path in left.rglob("*") if path.suffix in (".part", ".journal", ".tmp")]
    before = contents(left)
    assert repair(left) == Done(0, "", "")  # a second call finds nothing to do
    assert contents(left) == before


def test_json_prints_the_events_of_the_files(left: Path, repair: Repair) -> None:
    files = {str(final(left, ending)) for ending in ENDINGS}
    done = repair("--json", left)
    assert (done.code, done.err) == (0, "")
    assert all(isinstance(event, FileFinished) and event.recovered for event in done.events)
    assert {event.path for event in done.of(FileFinished)} == files
    assert repair("--json", left) == Done(0, "", "")


@pytest.mark.parametrize("name", ["", ".part", ".journal"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_one_file_by_any_of_its_names(ending: str, name: str, left: Path, repair: Repair) -> None:
    path = final(left, ending)
    others = {one for one in contents(left) if not str(one).startswith(str(path.with_suffix("")))}
    before = {one: one.read_bytes() for one in others}
    done = repair(path.with_name(path.name + name))
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"repaired {path} (")
    assert_f3(path)
    assert {one: one.read_bytes() for one in others} == before


async def test_a_file_that_is_being_recorded_is_left_alone(
    sample: Sample, tmp_path: Path, repair: Repair
) -> None:
    async with (
        Origin([sample("h264_aac_bframes")]) as origin,
        running(
            *("record", origin.http_url("live/h264_aac_bframes"), "-o", tmp_path, "-f", "flv,mp4", "--json")
        ) as command,
    ):
        await command.event(Live)
        while len(list(tmp_path.rglob("*.part"))) < 2:
            await asyncio.sleep(0.05)
        path = final(tmp_path, ".flv")
        for place in (tmp_path, path, path.with_name(path.name + ".part")):
            done = await asyncio.to_thread(repair, place)
            assert (done.code, done.out) == (0, "")
            assert f"{path.name}: is being recorded: left alone\n" in done.err
        command.send(signal.SIGTERM)
        ended = await command.end()
    ended.assert_done()
    for path in ended.files():
        assert_f3(path)


@pytest.mark.parametrize("ending", [".flv", ".mp4", ".aac", ".mp3"])
@pytest.mark.parametrize("whole_folder", [True, False])
def test_a_growing_file_without_a_journal(
    ending: str, whole_folder: bool, left: Path, tmp_path: Path, repair: Repair
) -> None:
    growing = final(left, ending).with_name(final(left, ending).name + ".part")
    bare = tmp_path / "bare" / f"x{ending}.part"
    bare.parent.mkdir()
    bare.write_bytes(growing.read_bytes()[:-7])
    done = repair(bare.parent if whole_folder else bare)
    path = bare.with_name(f"x{ending}")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"repaired {path} (")
    assert_f3(path)
    assert [one.name for one in bare.parent.iterdir()] == [f"x{ending}"]  # whose it is nobody knows
    assert repair(bare.parent) == Done(0, "", "")


@pytest.mark.parametrize("ending", [".flv", ".aac", ".mp3"])
def test_a_final_file_that_is_cut(ending: str, left: Path, repair: Repair) -> None:
    path = final(left, ending)
    assert repair(path).code == 0
    whole = path.read_bytes()
    assert repair(path) == Done(0, "", "")
    assert path.read_bytes() == whole
    path.write_bytes(whole[:-7])
    done = repair(path)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"repaired {path} (")
    assert probe(path).damaged == []
    assert 0 < path.stat().st_size < len(whole)


def test_a_final_file_that_is_damaged_inside_is_refused_and_left(left: Path, repair: Repair) -> None:
    path = final(left, ".flv")
    assert repair(path).code == 0
    data = bytearray(path.read_bytes())
    data[1000:-1000] = b"\xff" * (len(data) - 2000)
    path.write_bytes(data)
    repair(path).assert_fails(1, str(path))
    assert path.read_bytes() == data


def test_a_playlist_without_an_end(left: Path, repair: Repair) -> None:
    path = final(left, ".m3u8")
    journal = path.with_name(path.name + ".journal")
    journal.unlink()
    assert "ENDLIST" not in path.read_text()
    done = repair(path)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"repaired {path} (")
    assert_playlist(path)
    assert_f3(path)
    assert repair(path) == Done(0, "", "")


@pytest.mark.parametrize("journal", [True, False])
@pytest.mark.parametrize("ending", [".flv", ".mp4", ".aac", ".mp3"])
def test_empty_leftovers_are_removed(ending: str, journal: bool, tmp_path: Path, repair: Repair) -> None:
    path = tmp_path / f"x{ending}"
    if journal:
        Journal.create(path).close()
    GrowingFile(path).abandon()
    assert repair(tmp_path) == Done(0, "", "")
    assert not list(tmp_path.iterdir())


def test_a_growing_file_without_a_whole_packet_is_said_and_kept(tmp_path: Path, repair: Repair) -> None:
    growing = tmp_path / "x.flv.part"
    growing.write_bytes(b"FLV\1\5\0\0\0\x09\0\0\0\0\x09\0\0")
    repair(tmp_path).assert_fails(1, str(growing), "no whole")
    assert growing.exists()


def test_a_folder_with_nothing_in_it(tmp_path: Path, repair: Repair) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert repair(tmp_path) == Done(0, "", "")


@pytest.mark.parametrize("name", ["none.flv", "none.flv.part", "none/none.m3u8", "none"])
def test_a_path_that_is_not_there(name: str, tmp_path: Path, repair: Repair) -> None:
    repair(tmp_path / name).assert_fails(2, name, "no such file")


@pytest.mark.parametrize("name", ["x.mkv", "x.mkv.part", "x.ts", "x"])
def test_files_of_others(name: str, tmp_path: Path, repair: Repair) -> None:
    path = tmp_path / name
    path.write_bytes(b"\x1aE\xdf\xa3")
    repair(path).assert_fails(2, "only .flv, .m3u8, .mp4, .aac and .mp3")
    assert path.read_bytes() == b"\x1aE\xdf\xa3"


def test_the_worst_code_counts_and_the_others_are_repaired(
    left: Path, tmp_path: Path, repair: Repair
) -> None:
    path = final(left, ".flv")
    done = repair(tmp_path / "none.flv", path)
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert_f3(path)


def test_a_file_system_that_is_read_only(killed: Path, tmp_path: Path, repair: Repair) -> None:
    with tmpfs(tmp_path / "disk", "size=32m") as disk:
        left = Path(shutil.copytree(killed, disk / "left"))
        before = contents(left)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True, timeout=10)
        done = repair(left)
        assert contents(left) == before
    assert done.code == 5
    assert done.out == ""
    assert done.err.count("\n") == len(ENDINGS)
    assert done.err.count("read-only") + done.err.count("Read-only") == len(ENDINGS)


# Journals that nobody wrote


def header(left: Path, ending: str) -> dict[str, object]:
    first = final(left, ending).with_name(final(left, ending).name + ".journal").read_text().splitlines()[0]
    line = json.loads(first)
    assert isinstance(line, dict)
    return line


EARLY, LATE = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"
Spoil = Callable[[dict[str, object]], object]
HOSTILE: dict[str, Spoil] = {
    "no JSON": lambda _: "{",
    "a list": lambda _: "[1]",
    "a number": lambda _: "7",
    "deep": lambda _: "[" * 100_000,
    "binary": lambda _: "\x00\x01\x7f",
    "another version": lambda line: {**line, "journal": 2},
    "no format": lambda line: {key: value for key, value in line.items() if key != "format"},
    "an unknown format": lambda line: {**line, "format": "mkv"},
    "tracks that are none": lambda line: {**line, "tracks": "all"},
    "a time that is none": lambda line: {**line, "started_at": "yesterday"},
    "a time without a zone": lambda line: {**line, "clock": {"dts_ms": 0, "at": "2026-01-01T00:00:00"}},
    "a clock out of range": lambda line: {**line, "clock": {"dts_ms": -(10**18), "at": LATE}},
    "a gap out of range": lambda line: [
        line,
        {"gap": {"start": "2026-01-01T00:00:00", "end": LATE, "reason": "storage"}},
    ],
    "an unknown reason": lambda line: [line, {"gap": {"start": EARLY, "end": LATE, "reason": "moon"}}],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_journal_that_is_none_of_ours(name: str, left: Path, tmp_path: Path, repair: Repair) -> None:
    """One line, and nothing is changed."""
    spoilt = HOSTILE[name](header(left, ".flv"))
    path = final(left, ".flv")
    folder = tmp_path / "hostile"
    folder.mkdir()
    growing = Path(shutil.copy(path.with_name(path.name + ".part"), folder / "x.flv.part"))
    lines = spoilt if isinstance(spoilt, list) else [spoilt]
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    (folder / "x.flv.journal").write_text(text)
    before = growing.read_bytes()
    repair(folder).assert_fails(1, "x.flv.journal")
    assert (folder / "x.flv.journal").read_text() == text
    names = {one.name for one in folder.iterdir()}
    assert names in ({"x.flv.part", "x.flv.journal"}, {"x.flv", "x.flv.journal"})
    assert before.startswith(
        next(one for one in folder.iterdir() if "journal" not in one.name).read_bytes()[:9]
    )


def test_a_journal_that_is_too_large(left: Path, repair: Repair) -> None:
    journal = final(left, ".flv").with_name(final(left, ".flv").name + ".journal")
    with journal.open("r+b") as file:
        file.truncate((16 << 20) + 1)
    repair(journal).assert_fails(1, str(journal), "no journal")


@pytest.mark.parametrize("name", ["../../precious.ts", "/etc/passwd", "a/b.ts", "..", "\x00.ts"])
def test_a_segment_note_that_leaves_the_folder(name: str, left: Path, repair: Repair) -> None:
    path = final(left, ".m3u8")
    precious = path.parent.parent / "precious.ts"
    precious.write_bytes(b"mine")
    journal = path.with_name(path.name + ".journal")
    note = {"segment": {"name": name, "starts_at": "2026-01-01T00:00:00+00:00", "start_ms": 0}}
    with journal.open("a") as file:
        file.write(json.dumps(note) + "\n")
    release_reserve(path)  # which is nobody's once its process is gone
    before = contents(left)
    repair(journal).assert_fails(1, "a segment's note")
    assert contents(left) == before
    assert precious.read_bytes() == b"mine"


@pytest.mark.parametrize("what", ["folder", "malformed"])
def test_a_manifest_that_is_none(what: str, left: Path, repair: Repair) -> None:
    path = final(left, ".flv")
    manifest = path.with_name(path.name + ".json")
    if what == "folder":
        manifest.mkdir()
    else:
        manifest.write_text("{}")
    repair(path).assert_fails(5 if what == "folder" else 1, str(path))
