"""Tencent's legacy v2 over HTTP: signed parameters, answers with a number."""

from __future__ import annotations

from collections.abc import Mapping

from engine.api.dialect import Dialect
from engine.api.dispatch import LEGACY_PATH
from engine.api.faults import ApiFault, missing_parameter
from engine.api.keys import Key
from engine.api.nonces import Nonce, NonceStore
from engine.api.request import Call
from engine.api.transports import checks
from engine.api.transports.checks import TencentWords
from engine.api.transports.wire import Admission, Gate, Reply, check_texts, json_bytes, single

VERSION = ""
"""Of all actions: clients need not name one."""

CODES = {
    "InvalidParameter": 4000,
    "InvalidParameterValue": 4000,
    "InvalidRequest": 4000,
    "MissingParameter": 4000,
    "UnknownParameter": 4000,
    "UnsupportedProtocol": 4000,
    "RequestSizeLimitExceeded": 4000,
    "AuthFailure": 4110,
    "AuthFailure.SignatureFailure": 4100,
    "UnauthorizedOperation": 4101,
    "AuthFailure.InvalidSecretId": 4104,
    "AuthFailure.SecretIdNotFound": 4104,
    "AuthFailure.TokenFailure": 4105,
    "AuthFailure.MFAFailure": 4106,
    "IpInBlacklist": 4300,
    "IpNotInWhitelist": 4300,
    "LimitExceeded": 4400,
    "RequestLimitExceeded": 4400,
    "AuthFailure.SignatureExpire": 4500,
    "ReplayAttack": 4500,
    "ResourceNotFound": 5000,
    "ResourceUnavailable": 5000,
    "FailedOperation": 5100,
    "ResourceInUse": 5100,
    "UnsupportedOperation": 5100,
    "InternalError": 6000,
    "InvalidAction": 6100,
    "NoSuchVersion": 6100,
    "ActionOffline": 6200,
    "ServiceUnavailable": 6200,
}
"""The numbers of API 3.0's codes, looked up whole and then by the part before the dot."""

_NEEDED = ("Action", "Timestamp", "Nonce", "SecretId", "Signature")


class LegacyWire(TencentWords):
    """Section 4 of the contract."""

    def __init__(self, dialect: Dialect, gate: Gate, nonces: NonceStore | None = None) -> None:
        self.dialect = dialect
        self._gate = gate
        self._nonces = nonces or NonceStore(checks.MAX_SKEW_S)

    def admit(self, call: Call) -> Admission:
        """In the order of API 3.0."""
        checks.check_method(call)
        checks.check_size(call, checks.MAX_V1_BODY)
        pairs = call.form_pairs if call.method == "POST" else call.query_pairs
        given = single(pairs)
        has_keys = bool(self._gate.keys)
        for name in _NEEDED if has_keys else _NEEDED[:1]:
            if not given.get(name):
                raise missing_parameter(name)
        action = checks.find_action(self.dialect, given["Action"], VERSION)
        key: Key | None = None
        if has_keys:
            key = checks.v1_key(call, pairs, LEGACY_PATH, self._gate)
            self._use_nonce(key, given["Nonce"], int(given["Timestamp"]))
        checks.check_rate(self._gate.rates.count(key.id if key else "", action.name, action.rate))
        parameters: dict[str, object] = {name: value for name, value in pairs if name not in checks.COMMON}
        check_texts(parameters)
        return Admission(action, parameters, key)

    def answer(self, call: Call, action: str, members: Mapping[str, object], request_id: str) -> Reply:
        """The members beside the code 0."""
        return _reply({"code": 0, "message": "", "codeDesc": "Success", **members, "requestId": request_id})

    def refuse(self, call: Call, fault: ApiFault, request_id: str) -> Reply:
        """`codeDesc` is the code of API 3.0 up to its dot."""
        description = fault.code.partition(".")[0]
        code = CODES.get(fault.code) or CODES.get(description) or CODES["InternalError"]
        return _reply(
            {"code": code, "message": fault.message, "codeDesc": description, "requestId": request_id}
        )

    def _use_nonce(self, key: Key, nonce: str, timestamp: int) -> None:
        match self._nonces.use(key.id, nonce, timestamp, self._gate.now().timestamp()):
            case Nonce.USED:
                raise ApiFault("ReplayAttack", f"The Nonce {nonce} was used already.")
            case Nonce.FULL:
                raise ApiFault("RequestLimitExceeded", "Too many calls within the validity of a signature.")


def _reply(members: Mapping[str, object]) -> Reply:
    return Reply(json_bytes(members))
