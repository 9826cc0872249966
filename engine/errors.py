"""Every error this engine raises on purpose.

    ReelError
    ├── UsageError                    a wrong option, URL or spec                    exit 2
    │   └── IdTaken                   another process records under the id
    ├── SourceError                   the stream cannot be had                       exit 3
    │   ├── ConnectFailed             refused, timed out, DNS, TLS
    │   ├── StreamNotFound            404, NetStream.Play.StreamNotFound, never began
    │   ├── AccessDenied              401, 403, NetConnection.Connect.Rejected
    │   ├── BadResponse               any other answer that is not a stream
    │   ├── NotAStream                a server of another protocol, such as SSH
    │   ├── Stalled                   no data for the watchdog's time
    │   └── NotFlv                    the bytes are not FLV
    ├── ProtocolError                 the peer or a file sent something malformed    exit 1
    │   ├── MalformedFlv
    │   ├── MalformedRtmp
    │   ├── MalformedHttp
    │   ├── MalformedConfig           a decoder configuration record
    │   ├── MalformedMp4
    │   ├── MalformedAudio            a file that is neither ADTS nor MPEG audio
    │   ├── MalformedPlaylist         a playlist that is not a recording of ours
    │   ├── MalformedCommand          a line of a worker's channel
    │   ├── MalformedJournal
    │   └── MalformedManifest
    ├── UnsupportedCodec              a format cannot hold the stream's codecs       exit 4
    ├── StorageError                  a file cannot be created, written or renamed   exit 5
    │   ├── NameTaken                 a file of that name exists
    │   ├── CatalogUnavailable        the database does not answer
    │   │   └── CatalogFailed         its disk failed: nothing more is stored
    │   ├── StorageFull               too little space is free
    │   └── StorageRefused            the disk or its permissions say no
    ├── OriginError                   the embedded origin cannot serve               exit 1
    ├── MuxError                      FFmpeg refused a packet or a header            exit 1
    ├── NothingRecorded               a file that a crash left holds no whole packet exit 1
    ├── ControlError                  an order that cannot be taken or changed       exit 1
    │   ├── NoSuchWindow              it begins after it ends, or is over
    │   ├── StreamNotLive             nobody publishes the stream
    │   ├── TooManyTasks              of one day
    │   ├── TooManyRunning            tasks at once
    │   ├── UnknownTask
    │   ├── TaskIsRunning             and cannot be deleted before it is stopped
    │   ├── AlreadyStarted            a recording on command
    │   ├── TooManyTemplates
    │   ├── UnknownTemplate
    │   ├── TemplateInUse             by a rule
    │   ├── TooManyRules
    │   ├── UnknownRule
    │   ├── RuleExists
    │   ├── UnknownConfig             Aliyun's recording configuration
    │   ├── UnknownRecording          it has ended, or never was
    │   ├── UnknownFile               it was deleted, or never was
    │   ├── ConfigExists
    │   └── UnknownCallback
    ├── ServerUnreachable             no `reel serve` answers                        exit 1
    ├── CallRefused                   `reel serve` refused a call of /v1             exit 1
    ├── TooManyOpenFiles              the limit of open files is reached             exit 1
    └── InternalError                 a defect of ours                               exit 1

Messages say what happened, to what, and what to do. `exit_code` is what `reel` ends with.
"""

import errno
from pathlib import Path
from traceback import extract_tb
from typing import ClassVar

OUT_OF_FILES = (errno.EMFILE, errno.ENFILE)
"""What the system says when no more files or sockets can be opened."""

OUT_OF_SPACE = (errno.ENOSPC, errno.EDQUOT)
"""What the system says when nothing more can be written."""


class ReelError(Exception):
    """Something went wrong."""

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "error"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class UsageError(ReelError):
    """An option, URL or specification is wrong."""

    exit_code = 2
    code = "usage"


class IdTaken(UsageError):
    """Another process records under this id."""


class SourceError(ReelError):
    """The stream cannot be had."""

    exit_code = 3
    code = "source"


class ConnectFailed(SourceError):
    """The origin cannot be reached."""

    code = "connect_failed"


class StreamNotFound(SourceError):
    """The origin has no such stream."""

    code = "stream_not_found"


class AccessDenied(SourceError):
    """The origin refuses access to the stream."""

    code = "access_denied"


class BadResponse(SourceError):
    """The origin's answer is not a stream."""

    code = "bad_response"


class NotAStream(SourceError):
    """The server speaks another protocol."""

    code = "not_a_stream"


class Stalled(SourceError):
    """The origin sends nothing."""

    code = "stalled"


class NotFlv(SourceError):
    """The bytes are not FLV."""

    code = "not_flv"


class ProtocolError(ReelError):
    """The peer or a file sent something malformed."""

    code = "protocol"


class MalformedFlv(ProtocolError):
    """Malformed FLV."""

    code = "malformed_flv"


class MalformedRtmp(ProtocolError):
    """Malformed RTMP."""

    code = "malformed_rtmp"


class MalformedHttp(ProtocolError):
    """Malformed HTTP."""

    code = "malformed_http"


class MalformedConfig(ProtocolError):
    """Malformed decoder configuration."""

    code = "malformed_config"


class MalformedMp4(ProtocolError):
    """Malformed MP4."""

    code = "malformed_mp4"


class MalformedCommand(ProtocolError):
    """Malformed line of a worker's channel."""

    code = "malformed_command"


class MalformedJournal(ProtocolError):
    """Malformed journal."""

    code = "malformed_journal"


class MalformedManifest(ProtocolError):
    """Malformed manifest."""

    code = "malformed_manifest"


class MalformedAudio(ProtocolError):
    """Malformed ADTS or MPEG audio."""

    code = "malformed_audio"


class MalformedPlaylist(ProtocolError):
    """Malformed HLS playlist."""

    code = "malformed_playlist"


class UnsupportedCodec(ReelError):
    """A format cannot hold the stream's codecs."""

    exit_code = 4
    code = "unsupported_codec"


class StorageError(ReelError):
    """A file cannot be created, written or renamed."""

    exit_code = 5
    code = "storage"


class NothingRecorded(ReelError):
    """Not one packet of the file is whole."""

    code = "nothing_recorded"


class OriginError(ReelError):
    """The embedded origin cannot serve."""

    code = "origin"


class NameTaken(StorageError):
    """A file of that name exists already."""

    code = "name_taken"


class MuxError(ReelError):
    """A container refused a packet or a header."""

    code = "mux"


class CatalogUnavailable(StorageError):
    """The database does not answer. It may come back."""

    code = "catalog_unavailable"


class CatalogFailed(CatalogUnavailable):
    """The disk of the database failed. Only another process finds out what is on it."""

    code = "catalog_failed"


class StorageFull(StorageError):
    """Too little space is free."""


class StorageRefused(StorageError):
    """The disk refuses for a reason that waiting does not mend."""


class ControlError(ReelError):
    """An order that cannot be taken or changed."""

    code = "control"


class NoSuchWindow(ControlError):
    """The window ends before it begins, or is over."""

    code = "no_such_window"


class StreamNotLive(ControlError):
    """Nobody publishes the stream."""

    code = "stream_not_live"


class TooManyTasks(ControlError):
    """As many tasks as a day may have were created today."""

    code = "too_many_tasks"


class TooManyRunning(ControlError):
    """As many tasks as may run at once are running."""

    code = "too_many_running"


class UnknownTask(ControlError):
    """There is no such task."""

    code = "unknown_task"


class TaskIsRunning(ControlError):
    """The task is running: stop it first."""

    code = "task_is_running"


class AlreadyStarted(ControlError):
    """The stream is being recorded already."""

    code = "already_started"


class TooManyTemplates(ControlError):
    """There are as many templates as there may be."""

    code = "too_many_templates"


class UnknownTemplate(ControlError):
    """There is no such template."""

    code = "unknown_template"


class TemplateInUse(ControlError):
    """The template is bound to a rule."""

    code = "template_in_use"


class TooManyRules(ControlError):
    """There are as many rules as there may be."""

    code = "too_many_rules"


class UnknownRule(ControlError):
    """There is no such rule."""

    code = "unknown_rule"


class RuleExists(ControlError):
    """There is a rule for exactly this already."""

    code = "rule_exists"


class UnknownConfig(ControlError):
    """There is no such configuration."""

    code = "unknown_config"


class ConfigExists(ControlError):
    """There is a configuration for exactly this already."""

    code = "config_exists"


class UnknownRecording(ControlError):
    """There is no such recording, or it has ended."""

    code = "unknown_recording"


class UnknownFile(ControlError):
    """There is no such file."""

    code = "unknown_file"


class UnknownCallback(ControlError):
    """There is no such callback."""

    code = "unknown_callback"


class ServerUnreachable(ReelError):
    """No `reel serve` answers."""

    code = "server_unreachable"


class CallRefused(ReelError):
    """`reel serve` refused a call."""

    code = "call_refused"


class InternalError(ReelError):
    """A defect in reel itself."""

    code = "internal"


class TooManyOpenFiles(ReelError):
    """Too many files and connections are open: raise the limit of the system (ulimit -n)."""

    code = "too_many_open_files"


def unexpected(error: BaseException) -> ReelError:
    """The error for an exception that nobody expected: a limit of the system, or else a defect of ours, with
    what it is and where in the code."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in OUT_OF_FILES:
            return TooManyOpenFiles()
        if isinstance(cause, OSError) and cause.errno in OUT_OF_SPACE:
            return StorageFull("no space is left on the disk that the output goes to: free space on it")
        cause = cause.__cause__ or cause.__context__
    frames = extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return InternalError(f"a defect in reel: {error!r}{where}")


_FAULTS: dict[str, type[ReelError]] = {
    "not_flv": NotFlv,
    "flv": MalformedFlv,
    "rtmp": MalformedRtmp,
    "amf": MalformedRtmp,
    "http": MalformedHttp,
    "http_content_encoding": BadResponse,
}
_MALFORMED_STREAMS = (MalformedFlv, MalformedRtmp, MalformedHttp)


def no_stream(error: ReelError) -> ReelError:
    """The error for a connection that nothing was recorded of: malformed bytes mean that no stream is there.

    A wrong decoder configuration stays what it is: the stream is there.
    """
    return BadResponse(str(error)) if isinstance(error, _MALFORMED_STREAMS) else error


def from_fault(fault: tuple[str, str], where: str) -> ReelError:
    """The error for a native reader's (code, message); `where` names the stream or file.

    The code is looked up whole with dots as underscores (`not.flv`), then by the part before the dot.
    """
    code, message = fault
    kind = _FAULTS.get(code.replace(".", "_")) or _FAULTS[code.split(".", 1)[0]]
    return kind(f"{where}: {message}")
