"""Recognize what a peer speaks, or a file is, that is neither RTMP nor FLV: for messages that help."""

from __future__ import annotations

import re

SEEN_BYTES = 512
"""As many bytes of a beginning are looked at."""

_TLS_ALERT, _TLS_HANDSHAKE = b"\x15\x03", b"\x16\x03"
_HTML = re.compile(rb"<(!doctype html|html|head|body|title|!--)", re.IGNORECASE)
_MAIL_OR_FTP = re.compile(rb"(220|421|550|554)[ -]")
_TS_PACKET_BYTES, _TS_SYNC = 188, 0x47


def recognize_server(data: bytes) -> str | None:
    """Return what server begins with these bytes, and what to do; None when it is none that is known."""
    if data.startswith((_TLS_ALERT, _TLS_HANDSHAKE)):
        return "a TLS server: write rtmps:// or https://"
    if data.startswith(b"HTTP/") or _HTML.match(data.lstrip()):
        return "a web server: write http://….flv, or the port of RTMP (1935)"
    if data.startswith(b"SSH-"):
        return "an SSH server: check the port"
    if _MAIL_OR_FTP.match(data):
        return "a mail or FTP server: check the port"
    if data.startswith(b"RTSP/"):
        return "an RTSP server: RTSP is not pulled"
    if data.startswith(b"\x03") and len(data) > 1:
        return "an RTMP server: write rtmp://"
    if data.startswith(b"FLV"):
        return "a server that sends FLV without HTTP, which is not pulled"
    return None


def recognize_media(data: bytes) -> str | None:
    """Return what a body or file begins like, and what to do; None when it is nothing that is known."""
    text = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _HTML.match(text):
        return "a web page (HTML): name the stream's http(s)://….flv or rtmp:// URL, not the player's page"
    if text.startswith(b"#EXTM3U"):
        return "an HLS playlist, which is not pulled: name the stream's rtmp:// or http(s)://….flv URL"
    if text.startswith((b"{", b"[")):
        return "JSON, such as the answer of an API: name the URL of the stream itself"
    if text.startswith(b"<"):
        return "XML: name the URL of the stream itself"
    if data[4:8] == b"ftyp":
        return "MP4: only FLV is read"
    if data.startswith(b"\x1a\x45\xdf\xa3"):
        return "Matroska or WebM: only FLV is read"
    if data[:1] == bytes([_TS_SYNC]) and data[_TS_PACKET_BYTES : _TS_PACKET_BYTES + 1] in (b"", data[:1]):
        return "an MPEG transport stream: only FLV is read"
    if data.startswith((b"\x1f\x8b", b"PK\x03\x04")):
        return "a compressed file: only FLV is read"
    return None
