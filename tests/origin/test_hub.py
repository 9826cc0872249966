"""Fan-out and the start of a new reader."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from origins.footage import media, read_flv

from engine.media.batch import Batch, Flag, Kind, Role
from engine.origin.hub import Hub, Wire, encode, stream_path
from engine.origin.limits import OriginLimits

GOP_BYTES = 1 << 20
LIMITS = OriginLimits(gop_bytes=GOP_BYTES)


class Player:
    """A reader that keeps what it gets."""

    def __init__(self, wire: Wire = Wire.FLV) -> None:
        self.wire = wire
        self.backlog_bytes = 0
        self.parts: list[bytes] = []
        self.ended = 0

    @property
    def data(self) -> bytes:
        return b"".join(self.parts)

    def send(self, data: bytes) -> None:
        self.parts.append(data)

    def end(self) -> None:
        self.ended += 1


@pytest.fixture
def clip(footage: Path) -> Batch:
    return read_flv(footage.read_bytes())


def keys(clip: Batch) -> list[int]:
    tags = clip.tags
    key = (tags["kind"] == Kind.VIDEO) & (tags["role"] == Role.FRAME) & (tags["flags"] & Flag.KEY != 0)
    return [int(row) for row in np.flatnonzero(key)]


def test_a_reader_from_the_start_gets_every_tag(footage: Path, clip: Batch) -> None:
    hub, player = Hub(LIMITS), Player()
    publisher = hub.publish("live/x")
    assert publisher is not None
    assert hub.play("live/x", player)
    for row in range(len(clip)):
        publisher.push(clip.rows(slice(row, row + 1)))
    assert media(read_flv(player.data)) == media(clip)
    assert player.data[13:] == footage.read_bytes()[13:]


def test_nobody_begins_to_publish_while_the_server_ends(clip: Batch) -> None:
    hub, player = Hub(LIMITS), Player()
    publisher = hub.publish("live/x")
    assert publisher is not None
    hub.refuses_pushes = True
    assert hub.publish("live/y") is None
    assert hub.play("live/x", player)
    publisher.push(clip)
    assert media(read_flv(player.data)) == media(clip), "who publishes goes on"


def test_a_late_reader_starts_at_the_last_keyframe(clip: Batch) -> None:
    hub, player = Hub(LIMITS), Player()
    publisher = hub.publish("live/x")
    assert publisher is not None
    second, third = keys(clip)[1:3]
    for rows in (slice(0, 7), slice(7, second + 1), slice(second + 1, third - 1)):
        publisher.push(clip.rows(rows))
    assert hub.play("live/x", player)
    publisher.push(clip.rows(slice(third - 1, None)))
    got = read_flv(player.data)
    assert got.tags["role"][:4].tolist() == [Role.SCRIPT, Role.CONFIG, Role.CONFIG, Role.FRAME]
    assert got.tags["timestamp"][:4].tolist() == [0, *[int(clip.tags["timestamp"][second])] * 3]
    assert media(got)[2:] == media(clip.rows(slice(second, None)))


def test_the_keyframe_of_one_large_batch_is_its_last(clip: Batch) -> None:
    hub, player = Hub(LIMITS), Player()
    publisher = hub.publish("live/x")
    assert publisher is not None
    publisher.push(clip)
    hub.play("live/x", player)
    assert media(read_flv(player.data))[2:] == media(clip.rows(slice(keys(clip)[-1], None)))


def test_a_gop_beyond_the_cap_is_not_kept(clip: Batch) -> None:
    second, third = keys(clip)[1:3]
    hub, player = Hub(LIMITS), Player()
    publisher = hub.publish("live/x")
    assert publisher is not None
    publisher.push(Batch(clip.arena + bytes(GOP_BYTES), clip.tags[: second + 2]))
    hub.play("live/x", player)
    publisher.push(clip.rows(slice(second + 2, third - 1)))
    assert player.data == b""
    publisher.push(clip.rows(slice(third - 1, third + 3)))
    publisher.push(clip.rows(slice(third + 3, None)))
    assert media(read_flv(player.data))[2:] == media(clip.rows(slice(third, None)))


def test_rows_of_one_arena_count_once(clip: Batch) -> None:
    hub, player = Hub(OriginLimits(gop_bytes=2 * len(clip.arena))), Player()
    publisher = hub.publish("live/x")
    assert publisher is not None
    for row in range(len(clip)):
        publisher.push(clip.rows(slice(row, row + 1)))
    hub.play("live/x", player)
    assert media(read_flv(player.data))[2:] == media(clip.rows(slice(keys(clip)[-1], None)))


def test_a_stream_without_video_starts_at_once(audio_footage: Path) -> None:
    tone = read_flv(audio_footage.read_bytes())
    hub, player = Hub(LIMITS), Player()
    publisher = hub.publish("live/x")
    assert publisher is not None
    publisher.push(tone.rows(slice(0, 10)))
    hub.play("live/x", player)
    publisher.push(tone.rows(slice(10, None)))
    got = read_flv(player.data)
    assert got.tags["role"][:3].tolist() == [Role.SCRIPT, Role.CONFIG, Role.FRAME]
    assert media(got)[1:] == media(tone.rows(slice(10, None)))


def test_the_header_names_the_tracks(footage: Path, audio_footage: Path, silent_footage: Path) -> None:
    for path, flags in ((footage, 5), (audio_footage, 4), (silent_footage, 1)):
        clip = read_flv(path.read_bytes())
        for rows in (slice(0, 1), slice(1, 4), slice(0, None)):  # onMetaData alone, configurations alone, all
            hub, player = Hub(LIMITS), Player()
            publisher = hub.publish("live/x")
            assert publisher is not None
            hub.play("live/x", player)
            publisher.push(clip.rows(rows))
            assert player.data[:5] == bytes([*b"FLV\x01", flags])


@pytest.mark.parametrize("in_one_batch", [True, False])
def test_a_configuration_after_the_keyframe_does_not_come_before_it(clip: Batch, in_one_batch: bool) -> None:
    """A reader that joins between a new configuration and its keyframe needs the old one first."""
    second = keys(clip)[1]
    config = int(np.flatnonzero((clip.tags["role"] == Role.CONFIG) & (clip.tags["kind"] == Kind.VIDEO))[0])
    changed = Batch(clip.arena[:-1] + b"?", clip.tags[config : config + 1].copy())
    changed.tags["offset"] = len(clip.arena) - int(changed.tags["size"][0])
    hub, player = Hub(LIMITS), Player()
    publisher = hub.publish("live/x")
    assert publisher is not None
    if in_one_batch:
        publisher.push(Batch(changed.arena, np.concatenate([clip.tags[: second + 3], changed.tags])))
    else:
        publisher.push(clip.rows(slice(0, second + 3)))
        publisher.push(changed)
    hub.play("live/x", player)
    bodies = [body for _, _, body in media(read_flv(player.data))]
    assert bodies.index(clip.body(config)) < bodies.index(clip.body(second)) < bodies.index(changed.body(0))


def test_readers_of_a_format_share_the_bytes(clip: Batch) -> None:
    hub = Hub(LIMITS)
    publisher = hub.publish("live/x")
    assert publisher is not None
    players = [Player(wire) for wire in Wire for _ in range(2)]
    for player in players:
        hub.play("live/x", player)
    publisher.push(clip.rows(slice(0, 20)))
    publisher.push(clip.rows(slice(20, None)))
    for one, other in zip(players[::2], players[1::2], strict=True):
        assert [id(part) for part in one.parts] == [id(part) for part in other.parts]


def test_chunked_flv_is_flv_in_chunks(clip: Batch) -> None:
    flv, chunked = encode(Wire.FLV, [clip]), encode(Wire.FLV_CHUNKED, [clip])
    size, _, rest = chunked.partition(b"\r\n")
    assert int(size, 16) == len(flv)
    assert rest == flv + b"\r\n"


def test_a_stream_has_one_publisher() -> None:
    hub = Hub(LIMITS)
    first = hub.publish("live/x")
    assert first is not None
    assert hub.publish("live/x") is None
    assert hub.publish("live/y") is not None
    first.close()
    second = hub.publish("live/x")
    assert second is not None
    first.close()  # the one who left does not end the one who came
    assert hub.published("live/x")


def test_nobody_plays_what_nobody_publishes() -> None:
    hub, player = Hub(LIMITS), Player()
    assert not hub.play("live/x", player)
    publisher = hub.publish("live/x")
    assert publisher is not None
    publisher.close()
    assert not hub.play("live/x", player)
    assert player.ended == 0


def test_the_next_publish_starts_anew(clip: Batch, audio_footage: Path) -> None:
    tone = read_flv(audio_footage.read_bytes())
    hub, early = Hub(LIMITS), Player()
    first = hub.publish("live/x")
    assert first is not None
    hub.play("live/x", early)
    first.push(clip)
    first.close()
    size = len(early.data)
    second = hub.publish("live/x")
    assert second is not None
    second.push(tone)
    assert (early.ended, len(early.data)) == (1, size)
    late = Player()
    hub.play("live/x", late)
    assert {kind for kind, _, _ in media(read_flv(late.data))} == {Kind.AUDIO}


def test_who_left_gets_nothing(clip: Batch) -> None:
    hub, player = Hub(LIMITS), Player()
    publisher = hub.publish("live/x")
    assert publisher is not None
    hub.play("live/x", player)
    assert publisher.has_readers
    hub.leave("live/x", player)
    publisher.push(clip)
    publisher.close()
    assert (player.data, player.ended, publisher.has_readers) == (b"", 0, False)
    hub.leave("live/x", player)


@pytest.mark.parametrize(
    ("app", "name", "path"),
    [
        ("live", "x", "live/x"),
        ("live?vhost=a", "x?txSecret=1&txTime=2", "live/x"),
        ("a/b", "c", "a/b/c"),
        ("a", "b/c", "a/b/c"),
        ("/live/", "/x/", "live/x"),
        ("", "x", "x"),
    ],
)
def test_stream_paths(app: str, name: str, path: str) -> None:
    assert stream_path(app, name) == path
