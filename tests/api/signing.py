"""The clients' half of each signature, written from the contract without the server's code, and calls drawn
and signed by it."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from urllib.parse import quote, urlencode

from api.vectors import HOST, KEY, TIMESTAMP
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from engine.api.request import Call

FORM = "application/x-www-form-urlencoded"
ACS3_SIGNED = (
    "content-type;host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
)
ISO = "2025-10-09T08:53:20Z"

values = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
parameters = st.dictionaries(st.text("abc._123", min_size=1, max_size=5), values, min_size=1, max_size=4)
methods = st.sampled_from(["GET", "POST"])


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _mac(key: bytes, text: str, algorithm: str = "sha256") -> bytes:
    return hmac.new(key, text.encode(), algorithm).digest()


def make_call(method: str, path: str, query: str, headers: dict[str, str], body: bytes = b"") -> Call:
    lines = CIMultiDict({"Host": HOST})
    lines.update(headers)
    return Call(method, path, query.encode(), CIMultiDictProxy(lines), body)


def tc3_signed(
    method: str,
    query: str,
    body: bytes,
    *,
    service: str = "live",
    host: str = HOST,
    action: str = "CreateLiveRecord",
    timestamp: int = TIMESTAMP,
    date: str = "2025-10-09",
    signed: str = "content-type;host;x-tc-action",
    extra: dict[str, str] | None = None,
) -> Call:
    headers = {
        "content-type": "application/json" if method == "POST" else FORM,
        "host": host,
        "x-tc-action": action,
        **(extra or {}),
    }
    lines = "".join(f"{name}:{headers[name].lower()}\n" for name in signed.split(";"))
    canonical = f"{method}\n/\n{query}\n{lines}\n{signed}\n{_sha256(body)}"
    scope = f"{date}/{service}/tc3_request"
    to_sign = f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{_sha256(canonical.encode())}"
    key = _mac(_mac(_mac(f"TC3{KEY.secret}".encode(), date), service), "tc3_request")
    authorization = f"TC3-HMAC-SHA256 Credential={KEY.id}/{scope}, SignedHeaders={signed}, Signature="
    sent = {
        **headers,
        "host": HOST,
        "x-tc-version": "2018-08-01",
        "x-tc-timestamp": str(timestamp),
        "authorization": authorization + _mac(key, to_sign).hex(),
    }
    del sent["host"]
    return make_call(method, "/", query, sent, body)


def v1_signed(
    method: str, pairs: dict[str, str], *, path: str = "/", algorithm: str = "HmacSHA1", **common: str
) -> Call:
    given = {
        **pairs,
        "Action": "CreateRecord" if path != "/" else "CreateLiveRecord",
        "Version": "2018-08-01",
        "Timestamp": str(TIMESTAMP),
        "Nonce": "7",
        "SecretId": KEY.id,
        "SignatureMethod": algorithm,
        **common,
    }
    source = f"{method}{HOST}{path}?" + "&".join(
        f"{name.replace('_', '.')}={value}" for name, value in sorted(given.items())
    )
    mac = _mac(KEY.secret.encode(), source, {"HmacSHA1": "sha1"}.get(algorithm, "sha256"))
    query = urlencode({**given, "Signature": b64encode(mac).decode()})
    if method == "GET":
        return make_call(method, path, query, {})
    return make_call(method, path, "", {"Content-Type": FORM}, query.encode())


def _enc(text: str) -> str:
    return quote(text, safe="-_.~")


def rpc_signed(method: str, pairs: dict[str, str], *, is_form: bool = False, **common: str) -> Call:
    given = {
        **pairs,
        "Action": "RealTimeRecordCommand",
        "Version": "2016-11-01",
        "Format": "JSON",
        "AccessKeyId": KEY.id,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": "n-1",
        "SignatureType": "",
        "Timestamp": ISO,
        **common,
    }
    query = "&".join(f"{_enc(name)}={_enc(given[name])}" for name in sorted(given))
    to_sign = f"{method}&%2F&{_enc(query)}"
    mac = _mac(f"{KEY.secret}&".encode(), to_sign, "sha1")
    query = urlencode({**given, "Signature": b64encode(mac).decode()})
    if is_form:
        return make_call(method, "/", "", {"Content-Type": FORM}, query.encode())
    return make_call(method, "/", query, {})


def acs3_signed(
    method: str,
    pairs: dict[str, str],
    form: dict[str, str] | None = None,
    signed: str = ACS3_SIGNED,
    **changes: str,
) -> Call:
    body = urlencode(form or {}).encode()
    headers = {
        "content-type": FORM,
        "host": HOST,
        "x-acs-action": "RealTimeRecordCommand",
        "x-acs-content-sha256": _sha256(body),
        "x-acs-date": ISO,
        "x-acs-signature-nonce": "n-1",
        "x-acs-version": "2016-11-01",
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    query = "&".join(f"{_enc(name)}={_enc(pairs[name])}" for name in sorted(pairs))
    lines = "".join(f"{name}:{headers[name]}\n" for name in signed.split(";"))
    canonical = f"{method}\n/\n{query}\n{lines}\n{signed}\n{headers['x-acs-content-sha256']}"
    mac = _mac(KEY.secret.encode(), f"ACS3-HMAC-SHA256\n{_sha256(canonical.encode())}").hex()
    authorization = f"ACS3-HMAC-SHA256 Credential={KEY.id},SignedHeaders={signed},Signature={mac}"
    return make_call(method, "/", query, {**headers, "Authorization": authorization}, body)


@st.composite
def edited(draw: st.DrawFn, data: bytes) -> bytes:
    """With one byte changed, put in or taken out."""
    at = draw(st.integers(0, max(0, len(data) - 1)))
    match draw(st.sampled_from(["change", "put", "take"])) if data else "put":
        case "change":
            return data[:at] + bytes([data[at] ^ draw(st.integers(1, 255))]) + data[at + 1 :]
        case "put":
            return data[:at] + bytes([draw(st.integers(0, 255))]) + data[at:]
        case _:
            return data[:at] + data[at + 1 :]


@st.composite
def altered(draw: st.DrawFn, call: Call, *headers: str) -> Call:
    """With one thing changed: the method, or a byte of the query, the body or one of the headers."""
    part = draw(st.sampled_from(["method", "query", "body", *headers]))
    fields = {"method": call.method, "query": call.query, "body": call.body, "headers": call.headers}
    match part:
        case "method":
            fields["method"] = "POST" if call.method == "GET" else "GET"
        case "query" | "body":
            fields[part] = draw(edited(fields[part]))
        case _:
            lines = CIMultiDict(call.headers)
            lines[part] = draw(edited(call.header(part).encode())).decode("utf-8", "surrogateescape")
            fields["headers"] = CIMultiDictProxy(lines)
    return Call(path=call.path, **fields)
