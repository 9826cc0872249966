"""How users name a source: a URL or a local FLV file; and what is said of those that cannot be pulled."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from engine.errors import UsageError
from engine.masking import masked

SCHEMES = ("rtmp", "rtmps", "http", "https", "file")
"""Schemes of URLs that are recorded."""

_EXPECTED = "rtmp://, rtmps://, http://….flv, https://….flv, file:// or the path of an FLV file is expected"
_PUSH = (
    "push it with `ffmpeg -i URL -c copy -f flv rtmp://127.0.0.1/live/NAME` to `reel origin`, "
    "and record that URL"
)
_FLV = "name the stream's rtmp:// or http(s)://….flv URL"
_ANSWERS = {
    **dict.fromkeys(("rtsp", "rtsps"), f"RTSP is not pulled: {_PUSH}"),
    **dict.fromkeys(("srt", "rist"), f"SRT and RIST are not pulled: {_PUSH}"),
    **dict.fromkeys(("udp", "rtp", "tcp"), f"UDP, RTP and bare TCP are not pulled: {_PUSH}"),
    **dict.fromkeys(("mms", "mmsh", "mmst"), f"MMS is not pulled: {_PUSH}"),
    **dict.fromkeys(
        ("webrtc", "whep", "wheps", "whip"), f"WebRTC is not pulled: {_FLV}; most servers have one"
    ),
    **dict.fromkeys(
        ("ws", "wss"), "FLV over WebSocket is not pulled: most servers have it as http(s)://….flv too"
    ),
    **dict.fromkeys(
        ("rtmpt", "rtmpts", "rtmpe", "rtmpte"), "tunnelled and encrypted RTMP are not pulled: try rtmp://"
    ),
}
_PLAYLISTS = {".m3u8": "an HLS playlist", ".m3u": "a playlist", ".mpd": "a DASH manifest"}

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://|(file):", re.ASCII | re.IGNORECASE)


def source_url(text: str) -> str:
    """The URL of a source: the text itself, or the `file://` URL of a local path.

    `?speed=` may stand behind a path too.

    Raises:
        UsageError: a URL that cannot be pulled, a folder, or a file that does not exist.
    """
    if _URL.match(text):
        check_url(text)
        return text
    name, mark, query = text, "", ""
    if "?" in text and not os.path.exists(text):
        name, mark, query = text.rpartition("?")
    path = Path(name).absolute()
    if not name or not os.path.exists(path):  # unlike Path.exists, also of names too long for a file
        raise UsageError(f"{masked(text)}: there is no such file, and it is no URL: {_EXPECTED}")
    if path.is_dir():
        raise UsageError(f"{name} is a folder: name an FLV file in it")
    return f"{path.as_uri()}{mark}{query}"


def check_url(url: str) -> None:
    """Refuse a URL that this recorder can never pull, before anything is dialled.

    Raises:
        UsageError: another protocol, a playlist, or no URL: what, and what to do.
    """
    parts = split_url(url)
    scheme = parts.scheme.lower()
    shown = masked(url)
    if scheme in _ANSWERS:
        raise UsageError(f"{shown}: {_ANSWERS[scheme]}")
    if scheme not in SCHEMES:
        near = get_close_matches(scheme, SCHEMES, n=1)
        hint = f"did you mean {near[0]}://?" if near else _EXPECTED
        raise UsageError(f"{shown}: {scheme or 'no'}:// is not a scheme that is pulled: {hint}")
    suffix = Path(parts.path).suffix.lower()
    if scheme in ("http", "https") and suffix in _PLAYLISTS:
        raise UsageError(f"{shown} is {_PLAYLISTS[suffix]}, which is not pulled: {_FLV}, or {_PUSH}")


def split_url(url: str) -> SplitResult:
    """Split a URL whose host and port can be asked for.

    Raises:
        UsageError: it cannot be split: what is wrong with it, in our words. Those of the standard library
            quote the part that is wrong, which may be a password.
    """
    shown = masked(url)
    if any(char < " " or "\x7f" <= char <= "\x9f" or "\ud800" <= char <= "\udfff" for char in url):
        raise UsageError(f"{shown}: control characters, or bytes that are not UTF-8, are in the URL")
    server = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")[2]
    if ("[" in server) != ("]" in server):
        raise UsageError(f"{shown} is no URL: an IPv6 address is written in brackets, as in [::1]")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise UsageError(
            f"{shown} is no URL: its host is neither a name nor an address; "
            "percent-encode what the user and the password have beside letters and digits"
        ) from None
    try:
        is_port = parts.port != 0
    except ValueError:
        is_port = False
    if not is_port:
        hint = "; an IPv6 address is written in brackets, as in [::1]" if server.count(":") > 1 else ""
        raise UsageError(f"{shown}: the port is no number from 1 to 65535{hint}")
    if " " in server:
        raise UsageError(f"{shown}: the host has a space in it")
    return parts
