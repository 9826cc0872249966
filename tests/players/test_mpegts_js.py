"""mpegts.js in Chromium plays a recorded FLV, and finds its way by the index of keyframes."""

from __future__ import annotations

import asyncio

import pytest
from browser import play
from e2e.recordings import pull
from e2e.sources import moved, tags_of, write
from oracle import flv
from oracle.packets import output_packets

from engine.media.codecs import Format

RATE = 8.0
FIRST_PICTURE_S = 0.1  # of the capture: its B-frames put it this far behind the first decoding time, at most
LAST_FRAMES_S = 0.2  # on a busy machine the player now and then ends the stream without its last frames
SEEK_S = 6.0
FRAME_MS = 40
HOUR_MS = 3_600_000


def recorded(source, tmp_path, **fields):
    (path,) = pull(source, "rtmp", tmp_path / "recorded", format="flv", **fields).paths(Format.FLV)
    return path


def keyframes_of(path):
    """(time in s, file position) of every keyframe."""
    found = []
    for tag in flv.read(path).tags:
        if tag.kind == flv.VIDEO and (media := flv.main_media(tag)).role == "frame" and media.key:
            found.append((tag.timestamp / 1000, tag.position))
    return found


def assert_played_to_the_end(played, path):
    assert (played.outcome, played.errors) == ("ended", [])
    assert played.current_s >= played.duration_s - 0.1
    packets = output_packets(path)
    first_ms = min(packet.dts_ms for packet in (*packets.video, *packets.audio))
    shown_ms = max(packet.pts_ms for packet in packets.video) - first_ms
    assert played.duration_s == pytest.approx((shown_ms + FRAME_MS) / 1000, abs=LAST_FRAMES_S)
    ((_, end),) = played.buffered
    assert end == pytest.approx(played.duration_s, abs=0.01)


def test_a_recording_plays_from_start_to_end(shared_media, tmp_path):
    path = recorded(shared_media / "avatar.flv", tmp_path)
    played = asyncio.run(play(path, tmp_path / "profile", rate=RATE))
    assert_played_to_the_end(played, path)
    assert played.buffered[0][0] <= FIRST_PICTURE_S
    assert all(to <= FIRST_PICTURE_S for _, to in played.jumps), "only to the first picture"
    assert played.frames >= len(output_packets(path).video)
    assert played.audio_bytes > 0
    assert [(width, height) for _, width, height in played.sizes] == [(768, 320)]
    assert max(bright - dark for _, dark, bright in played.pictures) > 100


@pytest.mark.parametrize(("later_ms", "timestamps"), [(0, "original"), (HOUR_MS, "zero")])
def test_a_seek_reads_on_from_the_keyframe_before(later_ms, timestamps, shared_media, tmp_path):
    """With original times an hour after 0 this player, whose own clock starts at 0, cannot use the index."""
    source = write(tmp_path / "source.flv", moved(tags_of(shared_media / "avatar.flv"), later_ms))
    path = recorded(source, tmp_path, timestamps=timestamps)
    keyframes = keyframes_of(path)
    before = max(row for row, (time_s, _) in enumerate(keyframes) if time_s <= SEEK_S)
    assert before > 1, "the player takes the first entry of the index for the decoder configuration"
    time_s, position = keyframes[before]
    settings = {"enableStashBuffer": False}  # or it waits for more bytes than the server gives at first
    played = asyncio.run(
        play(path, tmp_path / "profile", rate=RATE, seek_s=SEEK_S, held_back=True, **settings)
    )
    assert_played_to_the_end(played, path)
    assert played.ranges == [position]
    assert played.buffered[0][0] == pytest.approx(time_s, abs=FIRST_PICTURE_S)
    assert [at for at, _, _ in played.pictures if SEEK_S < at < played.duration_s]
