"""Every error of `reel record` has its exit code and one line on stderr."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from oracle.packets import output_packets
from oracle.rules import assert_f1, assert_f3
from oracle.samples import INVALID_SAMPLES, MANIFEST
from origins.process import free_port
from origins.scripted import Client, head, says, scripted
from reel import COMMAND, Done, environment, reel

from engine.cli.main import main
from engine.media.events import Failed, Finished, GapClosed, Warned
from engine.origin import Origin

# Arguments, and words of the complaint. `{tmp}` is the test's folder.
USAGE = {
    "no URL": ("record", "at least one URL"),
    "no such verb": ("play rtmp://h/a/b", "No such command 'play'"),
    "no such option": ("record rtmp://h/a/b --nope", "--nope"),
    "a number that is none": ("callbacks list --limit x", "--limit: a whole number is expected, not 'x'"),
    "a number out of bounds": ("callbacks list --limit 0", "--limit: at least 1 is expected, not '0'"),
    "a word that is none of a few": ("callbacks list --state new", "'waiting', 'delivered', 'failed'"),
    "an id that is no number": ("callbacks show x", "ID: a whole number is expected, not 'x'"),
    "a speed that is no number": ("origin --speed x", "--speed: a number is expected, not 'x'"),
    "an option without its value": ("record rtmp://h/a/b --duration", "--duration"),
    "not a duration": (
        "record rtmp://h/a/b --duration x",
        "--duration: 'x' is not a duration: write 90, 90s",
    ),
    "negative duration": ("record rtmp://h/a/b --duration -1", "--duration: '-1' is not a duration"),
    "no duration at all": (
        "record rtmp://h/a/b --duration 0s",
        "--duration: more than 0 s is expected, not 0s",
    ),
    "interval below 1 s": ("record rtmp://h/a/b --interval 500ms", "--interval: at least 1 s is expected"),
    "reconnect for ever": ("record rtmp://h/a/b --reconnect inf", "--reconnect: 'inf' is not a duration"),
    "splice for a day": ("record rtmp://h/a/b --splice 1d", "--splice: at most 21600 s is expected, not 1d"),
    "sync never": ("record rtmp://h/a/b --sync 0", "--sync: more than 0 s"),
    "not a size": ("record rtmp://h/a/b --min-free 5s", "--min-free: '5s' is not a size: write 512MiB"),
    "unknown format": (
        "record rtmp://h/a/b -f flv,webm",
        "--format: flv, hls, mp4, aac or mp3 is expected, not",
    ),
    "no format": ("record rtmp://h/a/b -f ,", "--format: name at least one of flv"),
    "unknown type": ("record rtmp://h/a/b --type radio", "--type: video or audio is expected, not 'radio'"),
    "unknown timestamps": ("record rtmp://h/a/b --timestamps wall", "--timestamps: original or zero"),
    "unknown HLS segments": ("record rtmp://h/a/b --hls-segment cmaf", "--hls-segment: ts, fmp4 or auto"),
    "HLS segments of no length": ("record rtmp://h/a/b --hls-time 0", "--hls-time: more than 0 s"),
    "an unknown time zone": (
        "record rtmp://h/a/b --tz Europe/Berlim",
        "--tz: there is no time zone 'Europe/Berlim': did you mean Europe/Berlin?",
    ),
    "an id that is a path": ("record rtmp://h/a/b --id ../x", "--id: '../x' is not an id"),
    "header without a colon": ("record http://h/a.flv --header Cookie=hush", "--header: a colon is missing"),
    "header with a line break": ("record http://h/a.flv --header K:a\nb", "line break"),
    "header with a control character": ("record http://h/a.flv --header K:\x1bhush", "--header: header K:"),
    "header with a name that is none": ("record http://h/a.flv --header K(:hush", "'K('"),
    "a user agent with a line break": (
        "record http://h/a.flv --user-agent a\nhush",
        "--user-agent: header User-Agent",
    ),
    "a proxy of another kind": (
        "record http://h/a.flv --proxy socks5://me:hush@h:1",
        "--proxy: socks5://h:1: socks5 proxies are not used",
    ),
    "a proxy without a port": ("record http://h/a.flv --proxy me:hush@h", "--proxy: http://h is no proxy"),
    "a proxy with a wrong port": (
        "record http://h/a.flv --proxy http://me:hush@h:x",
        "http://h:x: the port is no",
    ),
    "a proxy for RTMP": ("record rtmp://h/a/b --proxy h:1", "rtmp://h/a/b is not pulled through a proxy"),
    "a cookie file that is not there": ("record http://h/a.flv --cookie-file {tmp}/no", "/no: No such file"),
    "a cookie file that is none": (
        "record http://h/a.flv --cookie-file {tmp}/list.json",
        "Netscape's format",
    ),
    "unknown scheme": (
        "record ftp://h/a.flv",
        "ftp://h/a.flv: ftp:// is not a scheme that is pulled: rtmp://",
    ),
    "a scheme that is misspelt": (
        "record rmtp://me:hush@h/a/b?key=hush",
        "rmtp://h/a/b: rmtp:// is not a scheme",
    ),
    "a file that is not there": (
        "record stream.flv",
        "stream.flv: there is no such file, and it is no URL: rtmp",
    ),
    "a host without a scheme": ("record me:hush@h/a/b", "h/a/b: there is no such file"),
    "a folder": ("record {tmp}", "is a folder: name an FLV file in it"),
    "an IPv6 address left open": ("record rtmp://me:hush@[::1/a/b", "rtmp://[::1/a/b is no URL"),
    "an IPv6 address without brackets": (
        "record http://fe80::1/a.flv",
        "the port is no number from 1 to 65535; an IPv6 address is written in brackets",
    ),
    "a password in the place of the port": (
        "record rtmp://me:hush/a/b",
        "rtmp://me:…/a/b: the port is no number from 1 to 65535",
    ),
    "a port that is no number": ("record http://me:hush@h:x/a.flv", "the port is no number"),
    "a password with a slash in it": ("record rtmp://me:hu/hush@h/a/b", "rtmp://…@h/a/b: the port is no"),
    "a host in brackets that is none": (
        "record http://[name]/a.flv",
        "is no URL: its host is neither a name nor an address",
    ),
    "a control character": ("record http://a\x01b/a.flv", "http://a\\x01b/a.flv: control characters"),
    "bytes that are not UTF-8": ("record http://h/\udcff.flv", "not UTF-8"),
    "RTSP": (
        "record rtsp://me:hush@h/a",
        "rtsp://h/a: RTSP is not pulled: push it with `ffmpeg -i URL -c copy -f flv",
    ),
    "SRT": ("record srt://h:9000?passphrase=hush", "srt://h:9000: SRT and RIST are not pulled: push it"),
    "UDP": ("record udp://@239.0.0.1:1234", "udp://239.0.0.1:1234: UDP"),
    "WebRTC": ("record webrtc://h/a/b", "webrtc://h/a/b: WebRTC is not pulled: name the stream's rtmp://"),
    "WHEP": ("record whep://h/a/b", "WebRTC is not pulled"),
    "FLV over WebSocket": ("record wss://h/a.flv", "http(s)://….flv"),
    "tunnelled RTMP": ("record rtmpt://h/a/b", "try rtmp://"),
    "a playlist": (
        "record HTTPS://me:hush@h/a/Index.M3U8?key=hush",
        "h/a/Index.M3U8 is an HLS playlist, which is not",
    ),
    "a DASH manifest": ("record http://h/a.mpd", "http://h/a.mpd is a DASH manifest"),
    "RTMP without a stream": ("record rtmp://h/live", "rtmp://h/live"),
    "HTTP without a host": ("record http:///a.flv", "http:///a.flv"),
    "port out of range": ("record http://h:70000/a.flv", "70000"),
    "a file on another host": (
        "record file://h/a.flv",
        "has no host: write file:///h/a.flv, or the path alone",
    ),
    "a speed that is none": ("record file:///a.flv?speed=fast", "speed"),
    "template without a sequence number": (
        "record rtmp://h/a/b --name {stream}",
        "--name: name template needs {seq}",
    ),
    "template with an unknown field": ("record rtmp://h/a/b --name {seq}-{who}", "{who}"),
    "template that leaves the folder": ("record rtmp://h/a/b --name ../{seq}", "../{seq}"),
    "template that breaks URIs": ("record rtmp://h/a/b --name {stream}#{seq}", "'#'"),
    "template with an open brace": ("record rtmp://h/a/b --name {seq}{", "brace"),
    "a list of URLs that is missing": ("record --urls {tmp}/missing", "missing: No such file"),
    "a list of URLs that is a folder": ("record --urls {tmp}", "Is a directory"),
    "a list of URLs that is no text": ("record --urls {tmp}/binary", "binary"),
    "a list of URLs with a bad one": ("record --urls {tmp}/urls", "gopher://h/x"),
    "a spec that is missing": ("record --spec {tmp}/missing", "missing: No such file"),
    "a spec that is no text": ("record --spec {tmp}/binary", "binary"),
    "a spec that is no JSON": ("record --spec {tmp}/urls", "not JSON"),
    "a spec that is a list": ("record --spec {tmp}/list.json", "object"),
    "a spec with an unknown field": (
        "record --spec {tmp}/field.json",
        "field.json: colour: there is no such key; there are urls",
    ),
    "a spec with a wrong type": (
        "record --spec {tmp}/type.json",
        "type.json: duration: another kind of value",
    ),
    "a spec with a field that is misspelt": (
        "record --spec {tmp}/near.json",
        "near.json: intervall: there is no such key; did you mean interval?",
    ),
    "a spec with a secret of the wrong type": (
        "record --spec {tmp}/secret.json",
        "headers.Cookie: text is expected\n",
    ),
    "a spec with two lists of URLs": ("record --spec {tmp}/both.json", "url"),
}


@pytest.fixture
def wrong_files(tmp_path: Path) -> Path:
    """The folder `{tmp}` of USAGE."""
    (tmp_path / "urls").write_text("# two of them\nrtmp://h/a/b\n\ngopher://h/x\n")
    (tmp_path / "binary").write_bytes(b"rtmp://h/a/\xff\xfe\n")
    (tmp_path / "list.json").write_text('["rtmp://h/a/b"]')
    (tmp_path / "field.json").write_text('{"url": "rtmp://h/a/b", "colour": 1}')
    (tmp_path / "type.json").write_text('{"url": "rtmp://h/a/b", "duration": [1]}')
    (tmp_path / "near.json").write_text('{"url": "rtmp://h/a/b", "intervall": 5}')
    (tmp_path / "secret.json").write_text('{"url": "http://h/a.flv", "headers": {"Cookie": 12345}}')
    (tmp_path / "both.json").write_text('{"url": "rtmp://h/a/b", "urls": ["rtmp://h/a/c"]}')
    return tmp_path


@pytest.mark.parametrize(("line", "words"), USAGE.values(), ids=USAGE.keys())
def test_wrong_usage(
    line: str,
    words: str,
    wrong_files: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process, which spares starting forty; the next test shows that it makes no difference."""
    monkeypatch.chdir(wrong_files)
    arguments = [part.replace("{tmp}", str(wrong_files)) for part in line.split(" ")]
    monkeypatch.setattr("sys.argv", ["reel", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    out, err = capsys.readouterr()
    Done(ended.value.code, out, err).assert_fails(2, words)
    assert "hush" not in err
    assert out == ""
    assert not Path("recordings").exists()


@pytest.mark.parametrize(
    "name", ["no URL", "not a duration", "unknown scheme", "a list of URLs that is no text"]
)
async def test_wrong_usage_of_the_command(name: str, wrong_files: Path) -> None:
    line, words = USAGE[name]
    done = await reel(*line.replace("{tmp}", str(wrong_files)).split(" "))
    done.assert_fails(2, words)
    assert done.out == ""


@pytest.mark.parametrize("scheme", ["rtmp", "http"])
async def test_connection_refused(scheme: str, tmp_path: Path) -> None:
    url = f"{scheme}://127.0.0.1:{free_port()}/live/x.flv"
    done = await reel("record", url, "--reconnect", "0", "-o", tmp_path)
    done.assert_fails(3, url, "refused")


@pytest.mark.parametrize("host", ["nobody.invalid", "a" * 70])
async def test_a_name_that_cannot_be_resolved(host: str, tmp_path: Path) -> None:
    done = await reel("record", f"rtmp://{host}/live/x", "--reconnect", "0", "-o", tmp_path)
    done.assert_fails(3, host, "resolved")


@pytest.fixture
def full_backlog() -> Iterator[int]:
    """A port that neither accepts nor refuses: the kernel drops what comes when its queue is full."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        waiting = []
        for _ in range(3):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(server.getsockname())
            waiting.append(client)
        yield server.getsockname()[1]
        for client in waiting:
            client.close()


@pytest.fixture
def unread_port() -> Iterator[int]:
    """A port where the kernel accepts and nobody reads."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_origins_that_say_nothing(
    full_backlog: int, unread_port: int, sample: Callable[[str], Path], tmp_path: Path
) -> None:
    """Side by side, because each takes its time-out: 5 s to connect and be answered, 10 s to send media."""
    data = sample("mp3_only").read_bytes()

    async def nothing(client: Client) -> None:
        await client.gone()

    async def a_header_and_nothing(client: Client) -> None:
        await client.send(head() + b"FLV\1\5\0\0\0\x09\0\0\0\0")
        await client.gone()

    async def media_and_then_nothing(client: Client) -> None:
        if client.number:
            await client.send(head(status="404 Not Found"))
        else:
            await client.send(head() + data)
            await client.gone()

    async with (
        scripted(nothing) as mute,
        scripted(media_and_then_nothing) as stalling,
        scripted(a_header_and_nothing) as silent,
    ):
        cases = {
            f"http://127.0.0.1:{full_backlog}/live/x.flv": "did not answer in 5 s",
            f"rtmp://127.0.0.1:{full_backlog}/live/x": "did not answer in 5 s",
            mute.url(): "no answer in 5 s",
            f"rtmp://127.0.0.1:{unread_port}/live/x": "no answer in 5 s",
            silent.url(): "no media for 10 s",
        }
        stalled, *ended = await asyncio.gather(
            reel("record", stalling.url(), "--reconnect", "0.4", "-o", tmp_path / "stalled", "--json"),
            *(reel("record", url, "--reconnect", "0", "-o", tmp_path / "none") for url in cases),
        )
    for done, (url, words) in zip(ended, cases.items(), strict=True):
        done.assert_fails(3, url, words)
        assert done.out == ""
    assert not (tmp_path / "none").exists()

    stalled.assert_done()
    assert [gap.reason for gap in stalled.of(GapClosed)] == ["not_live", "stalled"]
    assert [(event.code, "no media for 10 s" in event.message) for event in stalled.of(Warned)] == [
        ("stalled", True)
    ]
    assert_f1(sample("mp3_only"), stalled.files())


REFUSALS = {
    "404": (head("Content-Length: 9", status="404 Not Found") + b"not found", "404", "nobody publishes"),
    "401": (head("Content-Length: 0", status="401 Unauthorized"), "401", "credentials"),
    "403": (head("Content-Length: 0", status="403 Forbidden"), "403", "credentials"),
    "500": (head("Content-Length: 0", status="500 Oops"), "500 Oops", ""),
    "nothing in it": (head("Content-Length: 0"), "before it sent any media", ""),
    "gzip": (head("Content-Encoding: gzip") + b"\x1f\x8b", "gzip", ""),
    "no answer": (b"", "closed before the response head", ""),
    "no media": (head() + b"FLV\1\5\0\0\0\x09\0\0\0\0", "before it sent any media", ""),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_answers_that_are_no_stream(name: str, tmp_path: Path) -> None:
    answer, *words = REFUSALS[name]
    async with scripted(says(answer)) as origin:
        done = await reel("record", origin.url(), "--reconnect", "0", "-o", tmp_path)
    done.assert_fails(3, origin.url(), *words)
    assert not any(tmp_path.iterdir())


async def test_an_rtmp_stream_that_nobody_publishes(tmp_path: Path) -> None:
    async with Origin() as origin:
        done = await reel("record", origin.rtmp_url("live/x"), "--reconnect", "0", "-o", tmp_path, "--json")
    done.assert_fails(3, "NetStream.Play.StreamNotFound")
    failed = done.events[-1]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.exit_code, failed.files) == ("stream_not_found", 3, 0)
    assert failed.message in done.err


async def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = await reel("record", f"file://{tmp_path}/x.flv", "-o", tmp_path / "out")
    done.assert_fails(3, "x.flv: No such file")


@pytest.mark.parametrize("limit", [8, 14, 17])
async def test_too_many_open_files(limit: int, sample: Callable[[str], Path], tmp_path: Path) -> None:
    """As many as the system lets it open, at every place where the last one can be wanted."""
    arguments = ("record", f"{sample('h264_aac_bframes')}?speed=0", "-o", str(tmp_path), "-f", "flv,hls,mp4")
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh", *COMMAND, *arguments),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
    )
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode in (1, 5)
    assert "ulimit -n" in err.decode()
    assert "defect" not in err.decode()


@pytest.mark.parametrize("name", INVALID_SAMPLES)
async def test_invalid_samples(name: str, sample: Callable[[str], Path], tmp_path: Path) -> None:
    expected = MANIFEST[name]["expected"]
    path = sample(name)
    url = f"{path.as_uri()}?speed=0"
    done = await reel("record", url, "-o", tmp_path, "-f", "flv,hls,mp4", "--json")
    if expected["exit_code"] == 0:
        done.assert_done()
        assert isinstance(done.events[-1], Finished)
    else:
        done.assert_fails(expected["exit_code"])
        failed = done.events[-1]
        assert isinstance(failed, Failed)
        assert (failed.code, failed.exit_code) == (expected["error"], expected["exit_code"])
    wanted: dict[str, int] = expected["recorded_packets"]
    formats = Counter(file.suffix for file in done.files())
    assert formats == ({".flv": 1, ".m3u8": 1, ".mp4": 1} if wanted["video"] else {})
    for file in done.files():
        packets = output_packets(file)
        assert (len(packets.video), len(packets.audio)) == (wanted["video"], wanted["audio"])
        assert_f3(file)
    assert len([path for path in tmp_path.rglob("*") if path.suffix == ".part"]) == 0


async def test_a_format_that_cannot_hold_the_codecs(sample: Callable[[str], Path], tmp_path: Path) -> None:
    url = f"{sample('av1_opus').as_uri()}?speed=0"
    done = await reel("record", url, "-o", tmp_path, "-f", "hls,aac", "--json")
    done.assert_fails(4, "hls cannot hold AV1", "aac cannot hold Opus")
    assert done.files() == []
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


async def test_the_other_formats_go_on(sample: Callable[[str], Path], tmp_path: Path) -> None:
    url = f"{sample('av1_opus').as_uri()}?speed=0"
    done = await reel("record", url, "-o", tmp_path, "-f", "hls,mp4,mp3", "--json")
    done.assert_done()
    warned = {(event.format, event.code) for event in done.of(Warned)}
    assert warned == {("hls", "unsupported_codec"), ("mp3", "unsupported_codec")}
    assert [path.suffix for path in done.files()] == [".mp4"]
    assert_f1(sample("av1_opus"), done.files("mp4"))
