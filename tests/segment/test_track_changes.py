"""Changes of tracks and clocks, as operations: what belongs together, what is left out, what went away."""

from __future__ import annotations

import pytest
from batches import AVC_CONFIG, Tag, audio, audio_config, batch, video, video_config

from engine.media.codecs import Codec
from engine.segment import Begin, Cause, CutRule, End, Media, Note, Operation, Segmenter
from engine.timeline import Timeline

OTHER_AVC_CONFIG = AVC_CONFIG[:-5] + bytes([AVC_CONFIG[-5] ^ 1]) + AVC_CONFIG[-4:]  # another PPS
OTHER_AAC_CONFIG = bytes.fromhex("1190")  # 48 kHz
BOTH = [Codec.H264, Codec.AAC]
HEADERS = (video_config(), audio_config())
START = (*HEADERS, video(0, key=True), audio(0), video(40), audio(23))


def segment(*tags: Tag, interval_ms: int | None = None, whole: bool = False) -> list[Operation]:
    """Everything a push causes, tag by tag or in one batch, its end included."""
    segmenter, timeline = Segmenter(CutRule(interval_ms)), Timeline()
    operations: list[Operation] = []
    for piece in [batch(*tags)] if whole else [batch(tag) for tag in tags]:
        timeline.place(piece)
        operations += segmenter.feed(piece)
    return operations + segmenter.finish()


def sections(operations: list[Operation]) -> list[tuple[Cause, list[Codec], list[str]]]:
    """Cause, codecs and frames (v0, a23, ...) of each section."""
    out: dict[int, tuple[Cause, list[Codec], list[str]]] = {}
    for operation in operations:
        if isinstance(operation, Begin):
            codecs = [track.codec for track in operation.tracks]
            out[operation.section] = (operation.cause, codecs, [])
        elif isinstance(operation, Media):
            out[operation.section][2].extend(
                f"{'v' if tag['kind'] == 9 else 'a'}{tag['dts']}"
                for tag in operation.batch.tags
                if tag["role"] == 0
            )
    return list(out.values())


def notes(operations: list[Operation]) -> list[str]:
    return [operation.message for operation in operations if isinstance(operation, Note)]


NEW_VIDEO, NEW_AUDIO = video_config(80, OTHER_AVC_CONFIG), audio_config(80, OTHER_AAC_CONFIG)


@pytest.mark.parametrize(
    "change",
    [
        (NEW_VIDEO, NEW_AUDIO, video(80, key=True), audio(80)),
        (NEW_AUDIO, NEW_VIDEO, audio(80), video(80, key=True)),
        (NEW_AUDIO, audio(80), NEW_VIDEO, video(80, key=True)),
        (NEW_VIDEO, video(80, key=True), NEW_AUDIO, audio(80)),
        (NEW_VIDEO, video(80, key=True), audio(69), NEW_AUDIO, audio(80)),
    ],
)
def test_t14_changes_of_both_tracks_make_one_section(change: tuple[Tag, ...]) -> None:
    operations = segment(*START, *change, video(120), audio(103), video(160, key=True))
    first, second = sections(operations)
    assert first[1] == second[1] == BOTH
    assert second[0] is Cause.TRACKS
    assert set(first[2]) <= {"v0", "a0", "v40", "a23", "a69"}
    assert sorted(second[2]) == ["a103", "a80", "v120", "v160", "v80"]
    begin = [operation for operation in operations if isinstance(operation, Begin)][1]
    assert [header.media(0) for header in begin.headers] == [OTHER_AVC_CONFIG, OTHER_AAC_CONFIG]
    assert notes(operations) == []


def test_a_change_taken_back_is_none() -> None:
    tags = (NEW_VIDEO, NEW_AUDIO, video_config(80), audio_config(80), video(80), audio(80))
    operations = segment(*START, *tags, video(120, key=True))
    assert [cause for cause, _, _ in sections(operations)] == [Cause.FIRST]
    assert notes(operations) == []


def test_an_unreadable_configuration_is_in_no_section() -> None:
    operations = segment(*START, video_config(80, b"\1\2"), audio_config(80, b"\0"), video(80, key=True))
    bodies = [
        item.batch.body(row)
        for item in operations
        if isinstance(item, Media)
        for row in range(len(item.batch))
    ]
    assert len(bodies) == 5
    assert len(notes(operations)) == 2


@pytest.mark.parametrize("whole", [False, True])
def test_t34_video_whose_header_came_long_ago_is_not_lost(whole: bool) -> None:
    """However many rows a tick reads."""
    early = [audio(t) for t in range(0, 3000, 20)]
    late = [tag for t in range(3000, 3200, 20) for tag in (video(t, key=t == 3040), audio(t))]
    operations = segment(*HEADERS, *early, *late, whole=whole)
    first, second = sections(operations)
    assert first[:2] == (Cause.FIRST, [Codec.AAC])
    assert second[:2] == (Cause.TRACKS, BOTH)
    assert second[2][0] == "v3040"
    assert notes(operations) == ["2 video frames came before the keyframe they need: left out"]


def test_what_nothing_could_play_is_counted_when_the_push_ends() -> None:
    mp4a_without_header = audio(100)
    operations = segment(*START, NEW_VIDEO, video(80), video(120))
    assert notes(operations) == ["2 video frames came before the keyframe they need: left out"]
    operations = segment(
        video_config(), *(video(t, key=t == 0) for t in range(0, 2100, 40)), mp4a_without_header
    )
    assert notes(operations) == ["1 audio frames came before the configuration they need: left out"]


def test_audio_that_went_away_is_not_promised_and_its_section_ends() -> None:
    pictures = [video(t, key=t % 1000 == 0) for t in range(80, 8000, 40)]
    operations = segment(*START, *pictures, interval_ms=3000)
    assert [codecs for _, codecs, _ in sections(operations)] == [BOTH, [Codec.H264], [Codec.H264]]
    ends = [at for at, operation in enumerate(operations) if operation == End(0)]
    assert ends
    later = [item for item in operations[ends[0] :] if isinstance(item, Media) and item.section == 1]
    assert later, "the section stays open until the push ends"


def test_video_that_went_away_does_not_keep_the_file_open_for_ever() -> None:
    sound = [audio(t) for t in range(40, 9000, 20)]
    operations = segment(*START, *sound, video(9000), video(9040, key=True), audio(9040), interval_ms=2000)
    found = sections(operations)
    assert [cause for cause, _, _ in found[:3]] == [Cause.FIRST, Cause.INTERVAL, Cause.INTERVAL]
    assert [codecs for _, codecs, _ in found[:3]] == [BOTH, [Codec.AAC], [Codec.AAC]]
    assert found[-1][:2] == (Cause.TRACKS, BOTH)
    assert sum(frames.count("v9000") for _, _, frames in found) == 1
    assert any("no video for" in note for note in notes(operations))


def test_a_new_audio_does_not_wait_longer_than_two_seconds_for_a_keyframe() -> None:
    sound = [tag for t in range(80, 6000, 40) for tag in (video(t, key=t == 5000), audio(t))]
    operations = segment(*START, NEW_AUDIO, *sound)
    first, second = sections(operations)
    assert second[:2] == (Cause.TRACKS, BOTH)
    assert (first[2][-1], second[2][0]) == ("v4960", "a80")
    begun = next(at for at, item in enumerate(operations) if isinstance(item, Begin) and item.section == 1)
    before = [item for item in operations[:begun] if isinstance(item, Media)]
    assert int(before[-1].batch.tags["dts"][-1]) in range(2080, 2200)


def test_t16_a_second_change_before_the_keyframe_says_that_a_file_has_none() -> None:
    sound = [tag for t in range(80, 3000, 40) for tag in (video(t), audio(t))]
    again = [audio_config(3000), *(tag for t in range(3000, 6000, 40) for tag in (audio(t), video(t)))]
    operations = segment(*START, NEW_AUDIO, *sound, *again)
    frames = [frame for _, _, frames in sections(operations) for frame in frames if frame[0] == "v"]
    assert frames == [f"v{t}" for t in range(0, 6000, 40)]
    assert [note.split(":")[1] for note in notes(operations)] == [" cut without one"]


def test_a_clock_that_jumps_for_one_track_leaves_the_other_where_it_is() -> None:
    operations = segment(*START, audio(30_046), video(80), audio(30_069), video(120, key=True), audio(30_092))
    first, second = sections(operations)
    assert first[2] == ["v0", "a0", "v40", "a23", "a63", "v80", "a86"]
    assert second[0] is Cause.JUMP
    assert second[2] == ["v120", "a30092"]


def test_t36_a_jump_before_the_first_cut_point_is_no_waiting() -> None:
    """Audio alone would make a sliver of a file before the one with video."""
    operations = segment(
        *HEADERS, audio(0), audio(60_000), audio(60_023), video(60_040, key=True), audio(60_046)
    )
    assert [(cause, codecs) for cause, codecs, _ in sections(operations)] == [(Cause.FIRST, BOTH)]


def test_the_first_file_has_the_newest_configuration_and_none_of_the_frames_before_it() -> None:
    operations = segment(audio_config(), audio(0), audio(23), NEW_AUDIO, audio(46), audio(69))
    (first,) = sections(operations)
    assert first == (Cause.FIRST, [Codec.AAC], ["a46", "a69"])


def test_mp3_that_changes_its_rate_has_no_header_to_say_it() -> None:
    """Another bit rate, or joint stereo, is none."""
    heads = [*["fffb9004"] * 90, "fffbb064", "fffb9404", "fffb9404", "fffb90c4", "0000ffff", "fffb9004"]
    frames = [(8, 26 * n, b"\x2f" + bytes.fromhex(head)) for n, head in enumerate(heads)]
    for whole in (False, True):
        found = sections(segment(*frames, whole=whole))
        assert [len(frames) for _, _, frames in found] == [91, 2, 2, 1]
        assert [cause for cause, _, _ in found] == [Cause.FIRST, *[Cause.TRACKS] * 3]


def test_audio_whose_header_came_before_the_keyframe_changes_with_it() -> None:
    """The file does not begin with audio alone, a keyframe too late."""
    operations = segment(*START, NEW_AUDIO, video(80, key=True), audio(81), video(120), audio(104))
    _, second = sections(operations)
    assert second == (Cause.TRACKS, BOTH, ["v80", "a81", "v120", "a104"])


@pytest.mark.parametrize("whole", [False, True])
def test_a_section_that_began_with_a_keyframe_is_not_said_to_lack_one(whole: bool) -> None:
    """Also when a cut is due and its keyframe is still to come."""
    pictures = [video(t, key=t in (0, 4600)) for t in range(0, 4800, 40)]
    operations = segment(video_config(), *pictures, interval_ms=3000, whole=whole)
    assert [cause for cause, _, _ in sections(operations)] == [Cause.FIRST, Cause.INTERVAL]
    assert notes(operations) == []


def test_headers_are_kept_without_the_batch_that_they_came_in() -> None:
    """They stay for as long as the recording does, and a batch may hold some MiB."""
    segmenter, timeline = Segmenter(CutRule(150)), Timeline()
    operations: list[Operation] = []
    again = (*HEADERS, video(80), audio(69), video(120), audio(92))
    for tags in (START, again, (video(160, key=True), audio(160), video(200), audio(183))):
        piece = batch(*tags)
        timeline.place(piece)
        operations += segmenter.feed(piece)
    operations += segmenter.finish()
    begins = [operation for operation in operations if isinstance(operation, Begin)]
    assert len(begins) == 2
    for begin in begins:
        assert [len(header.arena) for header in begin.headers] == [
            int(header.tags["size"][0]) for header in begin.headers
        ]
    assert [header.media(0) for header in begins[1].headers] == [track.config for track in begins[0].tracks]
