"""The contract's test vectors: what official SDKs sent, and which action they asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from multidict import CIMultiDict, CIMultiDictProxy

from engine.api.keys import Key
from engine.api.request import Call

KEY = Key("AKIDEXAMPLE", "SECRETEXAMPLE")
TIMESTAMP = 1_760_000_000
NOW = datetime.fromtimestamp(TIMESTAMP, UTC)
HOST = "127.0.0.1:18080"

_FORM = "application/x-www-form-urlencoded"
_NODE_QUERY = (
    "StreamName=livetest&AppName=live&StartTime=2025-10-09%2017%3A00%3A00&EndTime=2025-10-09%2018%3A00%3A00"
    "&StreamParam=record_interval%3D3600%26storage_time%3D2592000"
)
_LIVE_QUERY = (
    "StreamName=livetest&AppName=live&DomainName=5000.live.push.com&StartTime=2025-10-09+17%3A00%3A00"
    "&EndTime=2025-10-09+18%3A00%3A00&StreamParam=record_interval%3D3600%26storage_time%3D2592000"
)
_LIVE_BODY = (
    b'{"StreamName": "livetest", "AppName": "live", "DomainName": "5000.live.push.com", '
    b'"StartTime": "2025-10-09 17:00:00", "EndTime": "2025-10-09 18:00:00", '
    b'"StreamParam": "record_interval=3600&storage_time=2592000"}'
)
_NODE_BODY = (
    b'{"StreamName":"livetest","AppName":"live","StartTime":"2025-10-09 17:00:00",'
    b'"EndTime":"2025-10-09 18:00:00","StreamParam":"record_interval=3600&storage_time=2592000"}'
)


@dataclass(frozen=True)
class Vector:
    """One call, what it asks for, and the parameters that are the action's own."""

    name: str
    call: Call
    action: str
    parameters: dict[str, object]

    def __str__(self) -> str:
        return self.name


def changed(call: Call, **fields: Any) -> Call:
    """The call with other fields; nothing that was worked out of the old ones stays."""
    return replace(call, **fields)


def with_header(call: Call, name: str, value: str) -> Call:
    """The call with one header set."""
    headers = CIMultiDict(call.headers)
    headers[name] = value
    return changed(call, headers=CIMultiDictProxy(headers))


def _call(method: str, target: str, headers: dict[str, str], body: bytes = b"") -> Call:
    path, _, query = target.partition("?")
    lines = CIMultiDict({"Host": HOST, **headers})
    return Call(method, path, query.encode(), CIMultiDictProxy(lines), body)


def _tc3(
    name: str,
    action: str,
    signature: str,
    parameters: dict[str, object],
    *,
    query: str = "",
    body: bytes = b"",
    service: str = "live",
    version: str = "2018-08-01",
    extra: dict[str, str] | None = None,
) -> Vector:
    authorization = (
        f"TC3-HMAC-SHA256 Credential=AKIDEXAMPLE/2025-10-09/{service}/tc3_request, "
        f"SignedHeaders=content-type;host, Signature={signature}"
    )
    headers = {
        "Content-Type": "application/json" if body else _FORM,
        "X-TC-Action": action,
        "X-TC-Version": version,
        "X-TC-Timestamp": str(TIMESTAMP),
        "X-TC-Language": "en-US",
        "X-TC-RequestClient": "SDK_PYTHON_3.1.194",
        "X-TC-TraceId": "2ac275fe-c6ba-42cf-beb2-99b7fd918de8",
        "Authorization": authorization,
        **(extra or {}),
    }
    call = _call("POST", "/", headers, body) if body else _call("GET", f"/?{query}", headers)
    return Vector(name, call, action, parameters)


_STREAM_PARAM = "record_interval=3600&storage_time=2592000"
_NODE = {
    "StreamName": "livetest",
    "AppName": "live",
    "StartTime": "2025-10-09 17:00:00",
    "EndTime": "2025-10-09 18:00:00",
    "StreamParam": _STREAM_PARAM,
}
_LIVE: dict[str, object] = {**_NODE, "DomainName": "5000.live.push.com"}

TC3 = [
    _tc3(
        "T-1",
        "CreateLiveRecord",
        "c2a1a10521ba6da3c95d182a1758da84607d945da5e981dddf8e9eeb94957a96",
        _LIVE,
        body=_LIVE_BODY,
    ),
    _tc3(
        "T-1 unsigned payload",
        "CreateLiveRecord",
        "cbca877877e5c5247408ae46a9e7cb7ac76c4a7c85d2f6d751432f6cceafadc3",
        _LIVE,
        body=_LIVE_BODY,
        extra={"X-TC-Content-SHA256": "UNSIGNED-PAYLOAD", "X-TC-Region": "ap-guangzhou"},
    ),
    _tc3(
        "T-2",
        "CreateLiveRecord",
        "4a0ca1007f7943627badb5f88ddf5e7aca9854ca50f995c54914bee1dbef3ffd",
        _LIVE,
        query=_LIVE_QUERY,
    ),
    _tc3(
        "T-3",
        "CreateLiveRecordTemplate",
        "d319783e359eb3f91f014d6ca1084d2330de94f011dc4f90379cbde3c2a59095",
        {
            "TemplateName": "t_1",
            "Mp4Param.RecordInterval": "3600",
            "Mp4Param.StorageTime": "0",
            "Mp4Param.Enable": "1",
            "Mp4Param.VodFileName": "{StreamID}_{StartYear}",
            "HlsSpecialParam.FlowContinueDuration": "1800",
            "RemoveWatermark": "True",
        },
        query="TemplateName=t_1&Mp4Param.RecordInterval=3600&Mp4Param.StorageTime=0&Mp4Param.Enable=1"
        "&Mp4Param.VodFileName=%7BStreamID%7D_%7BStartYear%7D&HlsSpecialParam.FlowContinueDuration=1800"
        "&RemoveWatermark=True",
    ),
    _tc3(
        "T-3 array",
        "CreateLiveCallbackTemplate",
        "27b30c289d5079fa0be588986dfeab50dfec743230c8e2fd33c7eb71d782d3cd",
        {
            "TemplateName": "中文",
            "RecordNotifyUrl": "http://h/cb?a=1",
            "RecordExceptionLevels.0": "error",
            "RecordExceptionLevels.1": "warning",
        },
        query="TemplateName=%E4%B8%AD%E6%96%87&RecordNotifyUrl=http%3A%2F%2Fh%2Fcb%3Fa%3D1"
        "&RecordExceptionLevels.0=error&RecordExceptionLevels.1=warning",
    ),
    _tc3(
        "T-5",
        "SearchMedia",
        "87b033a6c7e2f25c5a34c21a01b0fe1d4f8f3c9f20034ec10aec832480e53084",
        {"SourceTypes": ["Record"], "StreamIds": ["livetest"], "Limit": 10},
        body=b'{"SourceTypes": ["Record"], "StreamIds": ["livetest"], "Limit": 10}',
        service="vod",
        version="2018-07-17",
    ),
    _tc3(
        "N-1",
        "CreateLiveRecord",
        "920e7b3a3d7cc51f93ec3a996f6d0a7d0600d1f2944db0209962f8e5832657a4",
        {**_NODE},
        body=_NODE_BODY,
        service="127",
    ),
    _tc3(
        "N-2",
        "CreateLiveRecord",
        "b1ac7a5f775a44829e7dc8d5c78162b034cb1ab2e68e6f6e1ba94eb638651547",
        {**_NODE},
        query=_NODE_QUERY,
        service="127",
    ),
]

_V1_COMMON = (
    "&Action=CreateLiveRecord&RequestClient=SDK_PYTHON_3.1.194&Nonce=1234567890&Timestamp=1760000000"
    "&Version=2018-08-01&SecretId=AKIDEXAMPLE&SignatureMethod={method}&Language=en-US&Signature={signature}"
)


def _v1_form(method: str, signature: str) -> bytes:
    return (_LIVE_QUERY + _V1_COMMON.format(method=method, signature=quote(signature, safe=""))).encode()


V1 = [
    Vector(
        "T-4",
        _call("GET", f"/?{_v1_form('HmacSHA1', '4Aa3UX3R7lmQZUqXjMCQw4KO4+U=').decode()}", {}),
        "CreateLiveRecord",
        _LIVE,
    ),
    Vector(
        "T-4 POST HmacSHA1",
        _call("POST", "/", {"Content-Type": _FORM}, _v1_form("HmacSHA1", "9PrqOlGDuI6QqhG/vuTmpFW478I=")),
        "CreateLiveRecord",
        _LIVE,
    ),
    Vector(
        "T-4 POST HmacSHA256",
        _call(
            "POST",
            "/",
            {"Content-Type": _FORM},
            _v1_form("HmacSHA256", "fhU5VyvOwWstc9co1yvoKEYgHvUUOrzivQTjeL7Anr0="),
        ),
        "CreateLiveRecord",
        _LIVE,
    ),
    Vector(
        "N-3",
        _call(
            "GET",
            f"/?{_NODE_QUERY}&Action=CreateLiveRecord&RequestClient=SDK_NODEJS_4.1.313&Nonce=21525"
            "&Timestamp=1760000000&Version=2018-08-01&SecretId=AKIDEXAMPLE&Language=en-US"
            "&SignatureMethod=HmacSHA1&Signature=RId%2BjG7S0v0QzkKXCBHUPNpeMYA%3D",
            {},
        ),
        "CreateLiveRecord",
        {**_NODE},
    ),
]

_LEGACY = (
    "channelId=123&tapeType=1&endTime=2025-10-09+17%3A20%3A00&Action=CreateRecord"
    "&RequestClient=SDK_PYTHON_2.0.15&Region=gz&SecretId=AKIDEXAMPLE&Nonce=1234567890&Timestamp=1760000000"
    "&SignatureMethod={method}&Signature={signature}"
)
_RECORD: dict[str, object] = {"channelId": "123", "tapeType": "1", "endTime": "2025-10-09 17:20:00"}

LEGACY = [
    Vector(
        "L-1",
        _call(
            "GET",
            "/v2/index.php?"
            + _LEGACY.format(method="HmacSHA1", signature="lpS%2BILaXsPyAP2SCvNzD%2FvgBS7s%3D"),
            {"Accept-Encoding": "identity"},
        ),
        "CreateRecord",
        _RECORD,
    ),
    Vector(
        "L-1 POST HmacSHA256",
        _call(
            "POST",
            "/v2/index.php",
            {"Accept-Encoding": "identity", "Content-Type": _FORM},
            _LEGACY.format(
                method="HmacSHA256", signature="Zi6g6k0p65%2BHeVuDmRuWyO9XFcXXH3v2NC%2Bm7ZgoFQw%3D"
            ).encode(),
        ),
        "CreateRecord",
        _RECORD,
    ),
]

_COMMAND: dict[str, object] = {
    "AppName": "liveApp",
    "Command": "start",
    "DomainName": "example.com",
    "StreamName": "liveStream",
}
_IN_REGION = {**_COMMAND, "RegionId": "cn-shanghai"}


def _acs3(name: str, action: str, query: str, signature: str, parameters: dict[str, object]) -> Vector:
    signed = (
        "accept;host;user-agent;x-acs-action;x-acs-content-sha256;x-acs-credentials-provider;x-acs-date;"
        "x-acs-signature-nonce;x-acs-version"
    )
    headers = {
        "x-acs-version": "2016-11-01",
        "x-acs-action": action,
        "user-agent": "AlibabaCloud (Linux; x86_64) Python/3.11.7 Core/0.4.3 TeaDSL/2 vec",
        "x-acs-date": "2025-10-09T08:53:20Z",
        "x-acs-signature-nonce": "0123456789abcdef0123456789abcdef",
        "accept": "application/json",
        "x-acs-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "x-acs-credentials-provider": "static_ak",
        "Content-Length": "0",
        "Authorization": "ACS3-HMAC-SHA256 Credential=AKIDEXAMPLE,"
        f"SignedHeaders={signed},Signature={signature}",
    }
    return Vector(name, _call("POST", f"/?{query}", headers), action, parameters)


_PREFIX = "record%2F%7BAppName%7D%2F%7BStreamName%7D%2F"

ACS3 = [
    _acs3(
        "A-1",
        "RealTimeRecordCommand",
        "AppName=liveApp&Command=start&DomainName=example.com&RegionId=cn-shanghai&StreamName=liveStream",
        "326e9148ce6c64a25a4be4f32103a6dccdf40eae714c90c57e2e6e5d00ff6c20",
        _IN_REGION,
    ),
    _acs3(
        "A-2",
        "AddLiveAppRecordConfig",
        "AppName=liveApp&DelayTime=180&DomainName=example.com&OnDemand=7&OssBucket=b"
        "&OssEndpoint=oss-cn-shanghai.aliyuncs.com&RecordFormat.1.CycleDuration=3600&RecordFormat.1.Format=m3u8"
        f"&RecordFormat.1.OssObjectPrefix={_PREFIX}%7BSequence%7D%7BEscapedStartTime%7D%7BEscapedEndTime%7D"
        "&RecordFormat.1.SliceDuration=30"
        f"&RecordFormat.1.SliceOssObjectPrefix={_PREFIX}%7BUnixTimestamp%7D_%7BSequence%7D&StreamName=%2A",
        "e448c899956177f49b3fe2c0d0f0d90c5d83fd14d38d078e7f7abb10c2ac51e3",
        {
            "AppName": "liveApp",
            "DelayTime": "180",
            "DomainName": "example.com",
            "OnDemand": "7",
            "OssBucket": "b",
            "OssEndpoint": "oss-cn-shanghai.aliyuncs.com",
            "RecordFormat.1.CycleDuration": "3600",
            "RecordFormat.1.Format": "m3u8",
            "RecordFormat.1.OssObjectPrefix": "record/{AppName}/{StreamName}/"
            "{Sequence}{EscapedStartTime}{EscapedEndTime}",
            "RecordFormat.1.SliceDuration": "30",
            "RecordFormat.1.SliceOssObjectPrefix": "record/{AppName}/{StreamName}/{UnixTimestamp}_{Sequence}",
            "StreamName": "*",
        },
    ),
]

_CORE_QUERY = (
    "Command=start&DomainName=example.com&AppName=liveApp&StreamName=liveStream&Version=2016-11-01"
    "&Action=RealTimeRecordCommand&Format=JSON&RegionId=cn-shanghai&Timestamp=2025-10-09T08%3A53%3A20Z"
    "&SignatureMethod=HMAC-SHA1&SignatureType=&SignatureVersion=1.0"
    "&SignatureNonce=11111111-2222-3333-4444-555555555555&AccessKeyId=AKIDEXAMPLE&Signature="
)
_CORE_HEADERS = {"x-acs-action": "RealTimeRecordCommand", "x-acs-version": "2016-11-01", "x-sdk-client": "p"}

RPC = [
    Vector(
        "A-3",
        _call(
            "POST",
            "/?Action=RealTimeRecordCommand&Format=json&Version=2016-11-01&Timestamp=2025-10-09T08%3A53%3A20Z"
            "&SignatureNonce=0123456789abcdef0123456789abcdef&AppName=liveApp&Command=start"
            "&DomainName=example.com&RegionId=cn-shanghai&StreamName=liveStream&SignatureMethod=HMAC-SHA1"
            "&SignatureVersion=1.0&AccessKeyId=AKIDEXAMPLE&Signature=oWK9dmr6k9NQ1ZqnFPHMlASs2g4%3D",
            {"Content-Length": "0"},
        ),
        "RealTimeRecordCommand",
        _IN_REGION,
    ),
    Vector(
        "A-4",
        _call(
            "POST", f"/?{_CORE_QUERY}MBlhYoyoY8Q6cly7KgKMbA4pzBM%3D", {**_CORE_HEADERS, "Content-Length": "0"}
        ),
        "RealTimeRecordCommand",
        _IN_REGION,
    ),
    Vector(
        "A-4 GET",
        _call("GET", f"/?{_CORE_QUERY}hE8mmPo52v5ZyGcomuXk6%2F9Qxtk%3D", _CORE_HEADERS),
        "RealTimeRecordCommand",
        _IN_REGION,
    ),
    Vector(
        "A-5",
        _call(
            "POST",
            "/",
            {"Content-Type": _FORM},
            b"AccessKeyId=AKIDEXAMPLE&Action=RealTimeRecordCommand&AppName=liveApp&Command=start"
            b"&DomainName=example.com&Format=JSON&SignatureMethod=HMAC-SHA1"
            b"&SignatureNonce=2b0d09ee71d0f119d8fdbdadef278145&SignatureVersion=1.0&StreamName=liveStream"
            b"&Timestamp=2025-10-09T08%3A53%3A20Z&Version=2016-11-01&Signature=OqKgRAQn9RVdiFv8U2IIG6DWLK8%3D",
        ),
        "RealTimeRecordCommand",
        _COMMAND,
    ),
]

ALL = [*TC3, *V1, *LEGACY, *ACS3, *RPC]
