"""The playing session on a plain socket, against nginx-rtmp fed by ffmpeg."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import pytest
from origins.footage import make_flv, media, read_flv
from origins.nginx_rtmp import EndOfPublish, nginx_rtmp
from origins.push import push

from engine.errors import StreamNotFound
from engine.ingest.rtmp_session import End, EndReason, RtmpPlay, State
from engine.ingest.rtmp_url import parse_rtmp_url

Row = tuple[int, int, bytes]
ENOUGH = 60
NO_DATA_S = 20


class Player:
    """A session with a socket."""

    def __init__(self, url: str) -> None:
        target = parse_rtmp_url(url)
        self.session = RtmpPlay(target)
        self.rows: list[Row] = []
        self._socket = socket.create_connection((target.host, target.port), timeout=NO_DATA_S)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def read_until(self, rows: int) -> None:
        """Read until there are so many rows or the session is over."""
        while len(self.rows) < rows and not self.session.ended:
            self._socket.sendall(self.session.take_output())
            data = self._socket.recv(65_536)
            if data:
                self.session.receive(data)
            else:
                self.session.receive_eof()
            if (batch := self.session.take_batch()) is not None:
                self.rows += media(batch)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 s of H.264 and AAC."""
    return make_flv(tmp_path_factory.mktemp("clip") / "clip.flv")


@pytest.mark.parametrize("end", EndOfPublish)
def test_plays_what_is_pushed_and_sees_its_end(end: EndOfPublish, clip: Path, tmp_path: Path) -> None:
    with (
        nginx_rtmp(tmp_path, end) as nginx,
        push(clip, nginx.rtmp_url("live/s"), tmp_path) as pusher,
        closing(Player(nginx.rtmp_url("live/s?key=1"))) as player,
    ):
        player.read_until(ENOUGH)
        pusher.end()
        player.read_until(10**9)
    assert player.session.ended == End(EndReason.DATA_ENDED)
    source = {body for _, _, body in media(read_flv(clip.read_bytes()))}
    assert len(player.rows) >= ENOUGH
    assert [body for _, _, body in player.rows if body not in source] == []


def test_a_stream_that_nobody_publishes(tmp_path: Path) -> None:
    with (
        nginx_rtmp(tmp_path, EndOfPublish.DISCONNECT) as nginx,
        closing(Player(nginx.rtmp_url("live/s"))) as player,
    ):
        player.read_until(1)
    assert isinstance(player.session.error, StreamNotFound)


def test_an_app_that_is_not_there(tmp_path: Path) -> None:
    with nginx_rtmp(tmp_path) as nginx, closing(Player(nginx.rtmp_url("nothing/s"))) as player:
        player.read_until(1)
    assert player.session.ended == End(EndReason.CLOSED)
    assert player.session.state is State.ENDED
