"""Tencent's API 3.0 over HTTP: TC3 in headers or the older one in parameters, answers in an envelope."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from engine.api.dialect import Action, Dialect
from engine.api.faults import ApiFault, missing_parameter
from engine.api.keys import Key
from engine.api.request import Call
from engine.api.signatures import tc3
from engine.api.signatures.errors import MalformedAuthorization, SignatureMismatch
from engine.api.transports import checks
from engine.api.transports.checks import TencentWords
from engine.api.transports.wire import Admission, Gate, Reply, check_texts, json_bytes, single


class TencentWire(TencentWords):
    """Sections 1.1 to 1.6 of the contract."""

    def __init__(self, dialect: Dialect, gate: Gate) -> None:
        self.dialect = dialect
        self._gate = gate

    def admit(self, call: Call) -> Admission:
        """In the contract's order: method, size, what must be there, action, signature, rate."""
        checks.check_method(call)
        is_tc3 = _is_tc3(call)
        checks.check_size(call, 0 if is_tc3 else checks.MAX_V1_BODY)
        action = self._action(call, is_tc3)
        key: Key | None = None
        if self._gate.keys:
            key = self._tc3_key(call) if is_tc3 else self._v1_key(call)
        checks.check_rate(self._gate.rates.count(key.id if key else "", action.name, action.rate))
        return Admission(action, _tc3_parameters(call) if is_tc3 else _v1_parameters(call), key)

    def answer(self, call: Call, action: str, members: Mapping[str, object], request_id: str) -> Reply:
        """The members in the envelope."""
        return _envelope({**members, "RequestId": request_id})

    def refuse(self, call: Call, fault: ApiFault, request_id: str) -> Reply:
        """With status 200 too: on any other the SDKs do not read the code."""
        error = {"Code": fault.code, "Message": fault.message}
        return _envelope({"Error": error, "RequestId": request_id})

    def _action(self, call: Call, is_tc3: bool) -> Action[Any]:
        """What is asked for, when all that must be there is there."""
        has_keys = bool(self._gate.keys)
        if is_tc3:
            name, version = call.header("X-TC-Action"), call.header("X-TC-Version")
            given = {"Action": name, "Version": version}
            if has_keys:
                given["Timestamp"] = call.header("X-TC-Timestamp")
                given["Authorization"] = call.header("Authorization")
        else:
            parameters = single(_v1_pairs(call))
            needed = checks.V1_NEEDED if has_keys else checks.V1_NEEDED[:2]
            given = {name: parameters.get(name, "") for name in needed}
            name, version = given["Action"], given["Version"]
        for parameter, value in given.items():
            if not value:
                raise missing_parameter(parameter)
        return checks.find_action(self.dialect, name, version)

    def _tc3_key(self, call: Call) -> Key:
        try:
            authorization = tc3.read_authorization(call.header("Authorization"))
        except MalformedAuthorization as error:
            raise ApiFault("AuthFailure.InvalidAuthorization", f"Not signed: {error}.") from None
        if call.header("X-TC-Token"):
            raise checks.token_failure()
        key = checks.known_key(self._gate.keys, authorization.key_id)
        checks.fresh_timestamp(call.header("X-TC-Timestamp"), self._gate.now().timestamp())
        try:
            tc3.check(call, authorization, key.secret)
        except SignatureMismatch:
            raise checks.signature_failure() from None
        return key

    def _v1_key(self, call: Call) -> Key:
        return checks.v1_key(call, _v1_pairs(call), "/", self._gate)


def _is_tc3(call: Call) -> bool:
    return "X-TC-Action" in call.headers


def _v1_pairs(call: Call) -> tuple[tuple[str, str], ...]:
    return call.form_pairs if call.method == "POST" else call.query_pairs


def _v1_parameters(call: Call) -> dict[str, object]:
    parameters: dict[str, object] = dict(_v1_pairs(call))
    for name in checks.COMMON:
        parameters.pop(name, None)
    check_texts(parameters)
    return parameters


def _tc3_parameters(call: Call) -> dict[str, object]:
    parameters: dict[str, object]
    if call.method == "GET":
        parameters = dict(single(call.query_pairs))
    elif call.media_type == "multipart/form-data":
        raise ApiFault("UnsupportedOperation", "No action here takes multipart/form-data.")
    elif call.media_type != "application/json":
        raise ApiFault("InvalidParameter", "The Content-Type of a POST must be application/json.")
    else:
        parameters = _json_object(call.body)
    check_texts(parameters)
    return parameters


def _json_object(body: bytes) -> dict[str, object]:
    if not body:
        return {}
    try:
        value = json.loads(body.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise ApiFault("InvalidParameter", "The body is not JSON in UTF-8.") from None
    if not isinstance(value, dict):
        raise ApiFault("InvalidParameter", "The body is not a JSON object.")
    return value


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _envelope(response: Mapping[str, object]) -> Reply:
    return Reply(json_bytes({"Response": response}))
