"""A file as the VOD API describes it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote

from engine.catalog.schema import File
from engine.media.civil_time import iso_text
from engine.media.codecs import Format

NEVER = "9999-12-31T23:59:59Z"
STORAGE_CLASS = "STANDARD"
STATUS = "Normal"
SOURCE = "Record"

TYPES = {format: "m3u8" if format is Format.HLS else format.value for format in Format}
"""What BasicInfo.Type says of each format."""

PARTS = {
    "basicInfo": "BasicInfo",
    "metaData": "MetaData",
    "transcodeInfo": "TranscodeInfo",
    "animatedGraphicsInfo": "AnimatedGraphicsInfo",
    "sampleSnapshotInfo": "SampleSnapshotInfo",
    "imageSpriteInfo": "ImageSpriteInfo",
    "snapshotByTimeOffsetInfo": "SnapshotByTimeOffsetInfo",
    "keyFrameDescInfo": "KeyFrameDescInfo",
    "adaptiveDynamicStreamingInfo": "AdaptiveDynamicStreamingInfo",
    "miniProgramReviewInfo": "MiniProgramReviewInfo",
    "subtitleInfo": "SubtitleInfo",
    "reviewInfo": "ReviewInfo",
    "mpsAiMediaInfo": "MPSAiMediaInfo",
    "imageUnderstandingInfo": "ImageUnderstandingInfo",
    "knowledgeBasesInfo": "KnowledgeBasesInfo",
    "faceRecognitionInfo": "FaceRecognitionInfo",
}
"""The members of a MediaInfo by what a caller's Filters call them. All but two are null here."""


def category(format: str) -> str:
    """`Audio` or `Video`."""
    return "Audio" if Format(format).audio_only else "Video"


def media_info(file: File, class_id: int, public_url: str, wanted: Collection[str]) -> dict[str, object]:
    """A MediaInfo with all of its members. Those of `wanted` (keys of PARTS; none: all) are filled in."""
    parts: dict[str, object] = dict.fromkeys(PARTS.values())
    if not wanted or "basicInfo" in wanted:
        parts["BasicInfo"] = _basic(file, class_id, public_url)
    if not wanted or "metaData" in wanted:
        parts["MetaData"] = _meta(file)
    return {"FileId": file.id, **parts}


def _basic(file: File, class_id: int, public_url: str) -> dict[str, object]:
    return {
        "Name": file.name,
        "Description": "",
        "CreateTime": iso_text(file.created_at),
        "UpdateTime": iso_text(file.created_at),
        "ExpireTime": iso_text(file.expires_at) if file.expires_at else NEVER,
        "ClassId": class_id,
        "ClassName": "",
        "ClassPath": "",
        "CoverUrl": "",
        "Type": TYPES[Format(file.format)],
        "MediaUrl": f"{public_url}/{quote(file.path)}",
        "SourceInfo": {
            "SourceType": SOURCE,
            "SourceContext": "",
            "LiveRecordInfo": {
                "Domain": file.domain,
                "Path": file.app,
                "StreamId": file.stream,
                "RecordStartTime": iso_text(file.started_at),
                "RecordEndTime": iso_text(file.ended_at),
            },
            "TrtcRecordInfo": None,
            "WebPageRecordInfo": None,
        },
        "StorageRegion": "",
        "StoragePath": f"/{file.path}",
        "TagSet": [],
        "Vid": file.id,
        "Category": category(file.format),
        "Status": STATUS,
        "StorageClass": STORAGE_CLASS,
    }


def _meta(file: File) -> dict[str, object]:
    videos = [track for track in file.tracks if track["kind"] == "video"]
    audios = [track for track in file.tracks if track["kind"] == "audio"]
    seconds = file.duration_ms / 1000
    bitrate = file.size_bytes * 8000 // file.duration_ms if file.duration_ms else 0
    return {
        "Size": file.size_bytes,
        "Container": TYPES[Format(file.format)],
        "Bitrate": bitrate,
        "Height": max((track["height"] or 0 for track in videos), default=0),
        "Width": max((track["width"] or 0 for track in videos), default=0),
        "Duration": seconds,
        "Rotate": 0,
        "VideoStreamSet": [_video(track, bitrate) for track in videos],
        "AudioStreamSet": [_audio(track, 0 if videos else bitrate) for track in audios],
        "VideoDuration": seconds if videos else 0.0,
        "AudioDuration": seconds if audios else 0.0,
        "Md5": "",
    }


def _video(track: Mapping[str, Any], bitrate: int) -> dict[str, object]:
    """What was not measured is 0: no frames are counted, and both tracks have one bit rate."""
    return {
        "Bitrate": bitrate,
        "Height": track["height"] or 0,
        "Width": track["width"] or 0,
        "Codec": _codec(track),
        "Fps": 0,
        "CodecTag": str(track["codec_string"]).partition(".")[0],
        "DynamicRangeInfo": None,
    }


def _audio(track: Mapping[str, Any], bitrate: int) -> dict[str, object]:
    return {"Bitrate": bitrate, "SamplingRate": track["sample_rate"] or 0, "Codec": _codec(track)}


def _codec(track: Mapping[str, Any]) -> str:
    """`h264` of H.264."""
    return str(track["codec"]).lower().replace(".", "")
