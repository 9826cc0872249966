"""The samples under `invalid/`, made by damaging a good one; make.py explains their outcomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flv_rewrite import AUDIO, CONFIG, END, EXTRA, FRAME, VIDEO, Frame, Tag, file_bytes, legacy, read_frames

LENGTH_MS = 3_000
DAMAGE_MS = 2_000  # where the damage begins; the keyframes around it are at 1 s and 2 s

Outcome = dict[str, Any]


def make_invalid(good: bytes) -> dict[str, tuple[bytes, dict[str, Any]]]:
    """Damaged files and their manifest entries, from the bytes of the sample `h264_aac_bframes`."""
    frames = [frame for frame in read_frames(good) if frame.timestamp_ms < LENGTH_MS and frame.role != END]
    made = {
        "truncated": truncated(frames),
        "wrong_sizes": wrong_sizes(frames),
        "wrong_previous_size": wrong_previous_size(frames),
        "garbage_between_tags": garbage_between_tags(frames),
        "vp6": vp6(),
        "speex": speex(frames),
        "no_config": no_config(frames),
        "bad_config": bad_config(frames),
    }
    entries = {f"invalid/{name}.flv": parts for name, parts in made.items()}
    return entries | {"invalid/not_flv.bin": not_flv()}


def outcome(description: str, exit_code: int, error: str | None, frames: list[Frame]) -> dict[str, Any]:
    """A manifest entry: `frames` are those that are recorded."""
    counts = {
        name: sum(frame.kind == kind and frame.role == FRAME for frame in frames)
        for name, kind in (("video", VIDEO), ("audio", AUDIO))
    }
    expected = {"exit_code": exit_code, "error": error, "recorded_packets": counts}
    return {"description": description, "expected": expected}


def write(frames: list[Frame], change: Callable[[Tag], bytes] = bytes, **metadata: float) -> bytes:
    """An FLV file of legacy tags, where `change` may damage the bytes of any tag."""
    tags = [tag for frame in frames if (tag := legacy(frame)) is not None]
    whole = file_bytes(tags, {"duration": 0.0, "width": 320.0, "height": 180.0, **metadata})
    start = len(whole) - sum(len(bytes(tag)) for tag in tags)
    return whole[:start] + b"".join(change(tag) for tag in tags)


def split_at_damage(frames: list[Frame]) -> tuple[list[Frame], Frame]:
    """The frames before the damaged one, and that one: the first video frame after DAMAGE_MS."""
    at = next(
        number
        for number, frame in enumerate(frames)
        if frame.kind == VIDEO and frame.role == FRAME and frame.timestamp_ms > DAMAGE_MS
    )
    return frames[:at], frames[at]


def truncated(frames: list[Frame]) -> tuple[bytes, Outcome]:
    """Ends in the middle of a tag body."""
    before, cut = split_at_damage(frames)
    whole = write([*before, cut])
    return whole[: -len(cut.payload) // 2], outcome("ends inside a tag", 1, "malformed_flv", before)


def wrong_sizes(frames: list[Frame]) -> tuple[bytes, Outcome]:
    """A DataSize that is 100 bytes too large for its tag."""
    before, liar = split_at_damage(frames)

    def lie(tag: Tag) -> bytes:
        whole = bytes(tag)
        if tag != legacy(liar):
            return whole
        return whole[:1] + (len(tag.body) + 100).to_bytes(3, "big") + whole[4:]

    return write(frames, lie), outcome("a DataSize 100 bytes too large", 1, "malformed_flv", before)


def wrong_previous_size(frames: list[Frame]) -> tuple[bytes, Outcome]:
    """A PreviousTagSize that is wrong behind a tag that is right."""
    _, liar = split_at_damage(frames)

    def lie(tag: Tag) -> bytes:
        return bytes(tag) if tag != legacy(liar) else bytes(tag)[:-4] + bytes(4)

    return write(frames, lie), outcome("a PreviousTagSize of 0", 0, None, frames)


def garbage_between_tags(frames: list[Frame]) -> tuple[bytes, Outcome]:
    """Bytes that are no tag, between two tags."""
    before, after = split_at_damage(frames)
    garbage = bytes(range(0x80, 0x100)) * 4

    def insert(tag: Tag) -> bytes:
        return garbage + bytes(tag) if tag == legacy(after) else bytes(tag)

    return write(frames, insert), outcome("512 bytes of garbage between two tags", 1, "malformed_flv", before)


def vp6() -> tuple[bytes, Outcome]:
    """VP6 video, by a made-up payload: nothing may depend on what is in it."""
    frames = [
        Frame(
            VIDEO,
            number * 40,
            EXTRA,
            b"",
            False,
            0,
            bytes([0x24 if number % 25 else 0x14, 0]) + bytes(range(64)),
        )
        for number in range(75)
    ]
    return write(frames, videocodecid=4.0), outcome("VP6 video", 4, "unsupported_codec", [])


def speex(frames: list[Frame]) -> tuple[bytes, Outcome]:
    """H.264 beside Speex, again with a made-up payload."""
    mixed = [
        replace(frame, role=EXTRA, payload=b"\xb6" + frame.payload[:40]) if frame.kind == AUDIO else frame
        for frame in frames
    ]
    return write(mixed, audiocodecid=11.0), outcome("H.264 and Speex", 4, "unsupported_codec", [])


def no_config(frames: list[Frame]) -> tuple[bytes, Outcome]:
    """H.264 that never says its decoder configuration."""
    bare = [frame for frame in frames if frame.kind == VIDEO and frame.role != CONFIG]
    return write(bare), outcome("H.264 without a sequence header", 1, "malformed_config", [])


def bad_config(frames: list[Frame]) -> tuple[bytes, Outcome]:
    """An AVCDecoderConfigurationRecord that ends inside its parameter set."""
    cut = [
        replace(frame, payload=frame.payload[:12]) if frame.role == CONFIG else frame
        for frame in frames
        if frame.kind == VIDEO
    ]
    return write(cut), outcome("a decoder configuration record cut short", 1, "malformed_config", [])


def not_flv() -> tuple[bytes, Outcome]:
    """Text."""
    page = b"<!DOCTYPE html><html><head><title>404</title></head><body>no such stream</body></html>\n"
    return page * 8, outcome("a web page", 3, "not_flv", [])
