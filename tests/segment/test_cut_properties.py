"""F1, F3 and C1 as properties of the segment stage, over streams drawn at random: interleaving, keyframes,
audio ahead and behind, changes of tracks, jumps, glued pushes, tracks that pause, appear and go away."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from batches import AAC_CONFIG, AVC_CONFIG, audio, audio_config, batch, split, video, video_config
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.media.batch import Batch, Role
from engine.media.track import Track
from engine.segment import Begin, Cause, CutRule, End, Media, Operation, Segmenter
from engine.timeline import Timeline

AVC_CONFIGS = [AVC_CONFIG[:-5] + bytes([AVC_CONFIG[-5] ^ n]) + AVC_CONFIG[-4:] for n in range(3)]
AAC_CONFIGS = [AAC_CONFIG, bytes.fromhex("1190"), bytes.fromhex("1208")]
MP3_44100 = bytes.fromhex("fffb9064")
MP3_48000 = bytes.fromhex("fffb9464")
AUDIO_STEP_MS = 23
Frame = tuple[str, int]  # v or a, its number in the stream


def mp3(timestamp: int, payload: bytes) -> tuple[int, int, bytes]:
    """An MP3 frame."""
    return 8, timestamp, b"\x2f" + payload


class Stream:
    """What is sent, in order, and what each frame needs of its decoder."""

    def __init__(self) -> None:
        self.tags: list[tuple[int, int, bytes]] = []
        self.needs: dict[Frame, bytes] = {}
        self.keys: set[Frame] = set()

    def __repr__(self) -> str:
        return " ".join(self._briefly(*tag) for tag in self.tags)

    @staticmethod
    def _briefly(kind: int, at: int, body: bytes) -> str:
        """VIDEO and AUDIO headers, k keyframes, v and a other frames, with their times."""
        if kind == 8:
            return f"{'AUDIO' if body[:2] == bytes([0xAF, 0]) else 'a'}{at}"
        return f"{'VIDEO' if body[1] == 0 else 'k' if body[0] == 0x17 else 'v'}{at}"


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    """Parts of a second or a few, each with a change of something before it."""
    gop = draw(st.sampled_from([200, 480, 1000, 3000]), label="keyframe distance, ms")
    lag = draw(
        st.sampled_from([0, 0, 40, -40, 300, -300, 1500, -1500, 2500, -2500]), label="audio late by, ms"
    )
    events: list[tuple[float, int, str, bytes]] = []  # arrival, time, what, payload
    start, clock = 0, 0
    avc, sound = AVC_CONFIGS[0], AAC_CONFIGS[0]
    old_avc, old_sound, avc_from, sound_from = avc, sound, 0, 0
    has_video, has_audio = draw(st.sampled_from([(True, True), (True, True), (True, False), (False, True)]))
    events += [(-1.0, 0, "V", avc)] if has_video or draw(st.booleans()) else []
    events += [(min(lag, 0) - 1.0, 0, "A", sound)] if has_audio or draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 5), label="parts")):
        length = draw(st.integers(3, 90)) * 40
        for at in range(0, length, 40):
            if has_video:
                key = (start + at) % gop == 0 or (at == 0 and draw(st.booleans()))
                payload = avc if at >= avc_from else old_avc
                events.append((start + at, clock + at, "k" if key else "v", payload))
        for at in range(0, length, AUDIO_STEP_MS):
            if has_audio:
                payload = sound if at >= sound_from else old_sound
                events.append((start + at + lag, clock + at, "a", payload))
        start, clock = start + length, clock + length
        changes = draw(
            st.sets(st.sampled_from(["V", "A", "mp3", "jump", "repeat", "video", "audio"]), max_size=3)
        )
        old_avc, old_sound = avc, sound
        avc_from, sound_from = draw(st.sampled_from([(0, 0), (0, 0), (0, 100), (100, 0)]), label="changes at")
        if "V" in changes:
            avc = draw(st.sampled_from(AVC_CONFIGS))
        if "A" in changes or "mp3" in changes:
            sound = draw(st.sampled_from([MP3_44100, MP3_48000] if "mp3" in changes else AAC_CONFIGS))
        has_video ^= "video" in changes and has_audio
        has_audio ^= "audio" in changes and has_video
        if {"V", "repeat"} & changes:
            events.append((start + avc_from - 0.5, clock, "V", avc))
        if {"A", "repeat"} & changes and sound not in (MP3_44100, MP3_48000):
            events.append((start + sound_from - 0.5 + lag, clock, "A", sound))
        if "jump" in changes:
            clock = draw(st.sampled_from([0, clock + 60_000, max(clock - 3_000, 0)]))
    return as_sent(sorted(events, key=lambda event: event[0]))


def as_sent(events: list[tuple[float, int, str, bytes]]) -> Stream:
    """The tags of these events; each frame's payload has its number in it."""
    stream = Stream()
    numbers: Counter[str] = Counter()
    for _, at, what, payload in events:
        if what in "VA":
            stream.tags.append(video_config(at, payload) if what == "V" else audio_config(at, payload))
            continue
        kind = "a" if what == "a" else "v"
        number, frame = numbers[kind].to_bytes(4, "big"), (kind, numbers[kind])
        numbers[kind] += 1
        if kind == "v":
            stream.tags.append(video(at, key=what == "k", payload=number))
        elif payload in (MP3_44100, MP3_48000):
            stream.tags.append(mp3(at, payload + number))
        else:
            stream.tags.append(audio(at, number))
        stream.needs[frame] = payload
        if what == "k":
            stream.keys.add(frame)
    return stream


def operations_of(pieces: list[Batch], rule: CutRule) -> list[Operation]:
    segmenter, timeline = Segmenter(rule), Timeline()
    out: list[Operation] = []
    for piece in pieces:
        timeline.place(piece)
        out += segmenter.feed(piece)
    return out + segmenter.finish()


@dataclass
class Sectioned:
    """What became of a stream."""

    begins: dict[int, Begin] = field(default_factory=dict)
    frames: dict[int, list[Frame]] = field(default_factory=dict)
    rows: dict[int, list[tuple[int, int, int, bytes]]] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, operations: list[Operation]) -> Sectioned:
        """Read operations, which come in a sensible order."""
        self, open_sections = cls(), set()
        for operation in operations:
            if isinstance(operation, Begin):
                assert operation.section == len(self.begins), "sections are numbered as they begin"
                assert len(open_sections) < 2, "no more than two overlap"
                self.begins[operation.section] = operation
                self.frames[operation.section], self.rows[operation.section] = [], []
                open_sections.add(operation.section)
            elif isinstance(operation, Media):
                assert operation.section in open_sections
                self._read(operation)
            elif isinstance(operation, End):
                assert operation.section == min(open_sections), "sections end in order"
                open_sections.remove(operation.section)
            else:
                self.notes[operation.code] += 1
                if operation.code == "undecodable":
                    self.left_out[operation.message.split()[1][0]] += int(operation.message.split()[0])
        assert not open_sections
        return self

    def _read(self, operation: Media) -> None:
        piece = operation.batch
        for row, tag in enumerate(piece.tags):
            kind, role = int(tag["kind"]), int(tag["role"])
            self.rows[operation.section].append((kind, int(tag["dts"]), int(tag["flags"]), piece.body(row)))
            if role == Role.FRAME:
                number = int.from_bytes(piece.media(row)[-4:], "big")
                self.frames[operation.section].append(("v" if kind == 9 else "a", number))


def needed_track(begin: Begin, frame: Frame, needs: bytes) -> bool:
    """Whether a section was begun with the configuration of a frame."""
    tracks = [track for track in begin.tracks if track.is_video == (frame[0] == "v")]
    if not tracks:
        return False
    if needs in (MP3_44100, MP3_48000):
        return tracks == [Track.from_first_frame(tracks[0].codec, needs)]
    headers = [header.media(0) for header in begin.headers]
    return tracks[0].config == needs and needs in headers


def assert_nothing_lost(stream: Stream, found: Sectioned) -> None:
    """F1: from the first cut point on every frame is in one section, in order, or said to be left out."""
    in_sections = [frame for section in sorted(found.frames) for frame in found.frames[section]]
    counts = Counter(in_sections)
    assert all(count == 1 for count in counts.values())
    for kind in "va":
        numbers = [number for of_kind, number in in_sections if of_kind == kind]
        assert numbers == sorted(numbers)
        everything = [number for of_kind, number in stream.needs if of_kind == kind]
        if numbers:
            missing = set(range(numbers[0], len(everything))) - set(numbers)
            assert len(missing) <= found.left_out[kind]
            before = found.left_out[kind] - len(missing)
            assert 0 <= before <= numbers[0]


def assert_playable(stream: Stream, found: Sectioned) -> None:
    """F3: each section has what its frames need, and video starts with a keyframe unless it is said."""
    keyless = 0
    for section, frames in found.frames.items():
        for frame in frames:
            assert needed_track(found.begins[section], frame, stream.needs[frame]), (section, frame)
        first_video = next((frame for frame in frames if frame[0] == "v"), None)
        keyless += first_video is not None and first_video not in stream.keys
    assert keyless <= found.notes["cut_without_keyframe"]


@settings(max_examples=100)
@given(
    streams(),
    st.builds(CutRule, st.sampled_from([None, 1000, 2000]), st.sampled_from([None, 200, 900])),
    st.data(),
)
def test_nothing_is_lost_and_every_section_is_playable_however_it_is_split(
    stream: Stream, rule: CutRule, data: st.DataObject
) -> None:
    whole = batch(*stream.tags)
    found = Sectioned.of(operations_of(split(whole, ()), rule))
    if found.begins:
        assert found.begins[0].cause is Cause.FIRST
        assert_nothing_lost(stream, found)
        assert_playable(stream, found)
    pieces = split(whole, data.draw(st.sets(st.integers(0, len(whole)), max_size=6)))
    again = Sectioned.of(operations_of(pieces, rule))
    assert again.rows == found.rows
    assert again.notes == found.notes
    assert [(b.cause, b.tracks, b.dts_ms) for b in again.begins.values()] == [
        (b.cause, b.tracks, b.dts_ms) for b in found.begins.values()
    ]
    one_by_one = Sectioned.of(operations_of(split(whole, range(len(whole))), rule))
    assert one_by_one.rows == found.rows
