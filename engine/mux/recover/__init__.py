"""Makes files whole again that a crash left: cut to what is whole, completed in place, on disk.

No media byte is moved or changed. A second call, or one after a crash within the first, has the same outcome;
a file that is whole stays as it is. Memory does not grow with the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.errors import UsageError
from engine.media.codecs import Format
from engine.mux.playlist import SegmentNote
from engine.mux.recover.audio_file import recover_audio
from engine.mux.recover.flv_file import recover_flv
from engine.mux.recover.report import Recovered

__all__ = ["Recovered", "recover", "recover_playlist"]


def recover(format: Format, path: Path, *, first_dts_ms: int | None = None, grown: bool = True) -> Recovered:
    """Recovers one file in place; its name stays, and the caller syncs its directory.

    Args:
        format: any but HLS, which has `recover_playlist`.
        first_dts_ms: the source's dts of the file's first packet; without it the times of `stats` are the
            file's own, which for MP4 and bare audio begin at 0.
        grown: a recorder was writing the file: all behind the first torn packet goes. Otherwise only an
            unfinished end goes, and a file damaged inside is refused and left as it is.

    Raises:
        NothingRecorded: a recording of this format without one whole packet, left as it is.
        NotFlv, MalformedFlv, MalformedMp4, MalformedAudio: another file, or one damaged in another way; left
            as it is.
        OSError: it cannot be read or written.
    """
    if format is Format.HLS:
        raise UsageError("an HLS recording is recovered by its playlist")
    if format is Format.FLV:
        return recover_flv(path, first_dts_ms, grown)
    if format is Format.MP4:
        from engine.mux.recover.mp4_file import recover_mp4

        return recover_mp4(path, first_dts_ms)
    return recover_audio(path, format, first_dts_ms, grown)


def recover_playlist(playlist: Path, notes: Sequence[SegmentNote] = ()) -> Recovered:
    """Lists every whole segment once, in order, and ends the playlist (VOD).

    A growing segment, `NAME.part`, is cut to whole PES packets or fragments and takes its name; one without
    any is removed. Without notes the order, wall clock and discontinuities are those of the playlist as it
    was; what stands in the folder behind its last segment is listed as well.

    Args:
        playlist: `NAME.m3u8`, which need not exist yet; its segments are in `NAME/`.
        notes: those of the recording so far, in the order they were written.

    Raises:
        NothingRecorded: there is no whole packet in the folder.
        MalformedPlaylist: a playlist or notes that are not a recording's; nothing has been changed.
        OSError: a file cannot be read or written.
    """
    from engine.mux.recover.playlist_file import rebuild_playlist

    return rebuild_playlist(playlist, notes)
