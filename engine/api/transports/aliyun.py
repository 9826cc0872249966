"""Aliyun's API over HTTP: ACS3 in headers or the RPC signature in parameters, answers as JSON or XML."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from engine.api.dialect import Action, Dialect
from engine.api.faults import ApiFault
from engine.api.keys import Key, is_key_id
from engine.api.nonces import Nonce, NonceStore
from engine.api.request import Call
from engine.api.signatures import acs3, rpc
from engine.api.signatures.errors import MalformedAuthorization, SignatureMismatch
from engine.api.transports.wire import FROM_PAGE, Admission, Gate, Reply, check_texts, json_bytes, single
from engine.api.transports.xml import xml_document

HOST_ID = "live.aliyuncs.com"
MAX_SKEW_S = 900
MAX_FORM = 1 << 20

_SIGNED = ("AccessKeyId", "Timestamp", "SignatureNonce", "Signature")
_COMMON = frozenset(
    {"Action", "Version", "Format", *_SIGNED, "SignatureMethod", "SignatureVersion", "SignatureType"}
)
_HEADERS = {
    "Action": "x-acs-action",
    "Version": "x-acs-version",
    "Timestamp": "x-acs-date",
    "SignatureNonce": "x-acs-signature-nonce",
}
_FORMATS = ("", "json", "xml")


class AliyunWire:
    """Section 5.1 of the contract."""

    def __init__(self, dialect: Dialect, gate: Gate, nonces: NonceStore | None = None) -> None:
        self.dialect = dialect
        self._gate = gate
        self._nonces = nonces or NonceStore(MAX_SKEW_S)

    def new_request_id(self) -> str:
        """A UUID in upper case."""
        return str(uuid4()).upper()

    def admit(self, call: Call) -> Admission:
        """Method, size, what must be there, action, signature, nonce, rate."""
        if call.method not in ("GET", "POST"):
            raise ApiFault("UnsupportedHTTPMethod", "This HTTP method is not supported.")
        if call.is_cut or len(call.body) > MAX_FORM:
            raise ApiFault("RequestEntityTooLarge", f"The body is longer than {MAX_FORM} bytes.", status=413)
        given = _single(call)
        common = _common(call, given)
        _check_format(call, given)
        has_keys = bool(self._gate.keys)
        for name in ("Action", "Version", *(_SIGNED if has_keys else ())):
            if not common.get(name):
                raise _missing(name)
        action = self._find(common["Action"], common["Version"])
        key = self._key(call, common) if has_keys else None
        excess = self._gate.rates.count(key.id if key else "", action.name, action.rate)
        if excess is not None:
            raise ApiFault("Throttling.User", "Request was denied due to user flow control.")
        parameters: dict[str, object] = {name: value for name, value in given.items() if name not in _COMMON}
        _check_texts(parameters)
        return Admission(action, parameters, key)

    def answer(self, call: Call, action: str, members: Mapping[str, object], request_id: str) -> Reply:
        """The members and the RequestId, in the format that was asked for."""
        return _reply(call, f"{action}Response", {"RequestId": request_id, **members}, 200, {})

    def refuse(self, call: Call, fault: ApiFault, request_id: str) -> Reply:
        """With the fault's status."""
        error = {
            "RequestId": request_id,
            "HostId": HOST_ID,
            "Code": fault.code,
            "Message": fault.message,
            "Recommend": f"https://api.aliyun.com/troubleshoot?q={fault.code}&product=live",
        }
        return _reply(call, "Error", error, fault.status, fault.headers)

    def forbidden(self, domain: str) -> ApiFault:
        """The domain is not the key's."""
        return ApiFault(
            "IllegalOperation", f"Illegal domain, operation is not permitted: {domain}.", status=403
        )

    def defect(self) -> ApiFault:
        """Of ours."""
        return ApiFault(
            "InternalError", "The request processing has failed due to some unknown error.", status=500
        )

    def from_page(self) -> ApiFault:
        """A web page called, or one may have."""
        return ApiFault("Forbidden", FROM_PAGE, status=401)

    def _find(self, name: str, version: str) -> Action[Any]:
        if (action := self.dialect.actions.get((version, name))) is not None:
            return action
        if not any(version == known for known, _ in self.dialect.actions):
            raise ApiFault("InvalidVersion", f"Specified parameter Version is not valid: {version[:64]}.")
        raise ApiFault("InvalidAction.NotFound", f"Specified api is not found: {name[:64]}.", status=404)

    def _key(self, call: Call, common: Mapping[str, str]) -> Key:
        """Whose signature the call has."""
        key = self._gate.keys.find(common["AccessKeyId"]) if is_key_id(common["AccessKeyId"]) else None
        if key is None:
            raise ApiFault("InvalidAccessKeyId.NotFound", "Specified access key is not found.", status=404)
        now = self._gate.now().timestamp()
        timestamp = _fresh_timestamp(common["Timestamp"], now)
        try:
            if _is_acs3(call):
                acs3.check(call, acs3.read_authorization(call.header("Authorization")), key.secret)
            else:
                pairs = (*call.query_pairs, *call.form_pairs)
                rpc.check(call.method, pairs, signature=common["Signature"], secret=key.secret)
        except SignatureMismatch as error:
            # The old SDK splits the message at its colon and compares the rest with what it signed.
            raise ApiFault(
                "SignatureDoesNotMatch",
                "Specified signature is not matched with our calculation. "
                f"server string to sign is:{error.string_to_sign}",
                is_loggable=False,
            ) from None
        self._use_nonce(key, common["SignatureNonce"], timestamp, now)
        return key

    def _use_nonce(self, key: Key, nonce: str, timestamp: float, now: float) -> None:
        match self._nonces.use(key.id, nonce, timestamp, now):
            case Nonce.USED:
                raise ApiFault("SignatureNonceUsed", "Specified signature nonce was used already.")
            case Nonce.FULL:
                raise ApiFault("Throttling.User", "Too many calls within the validity of a signature.")


def _is_acs3(call: Call) -> bool:
    return call.header("Authorization").startswith(acs3.ALGORITHM)


def _single(call: Call) -> dict[str, str]:
    """Parameters of query and form by name."""
    try:
        return single((*call.query_pairs, *call.form_pairs))
    except ApiFault as fault:
        raise ApiFault("InvalidParameter.Format", fault.message) from None


def _common(call: Call, given: Mapping[str, str]) -> dict[str, str]:
    """The common parameters, from where this signature has them. The old SDK sends some of the headers beside
    its signed parameters, and only what is signed counts."""
    if not _is_acs3(call):
        common = {name: given.get(name, "") for name in ("Action", "Version", *_SIGNED)}
        if common["Action"] or common["Signature"]:
            return common
    common = {name: call.header(header) for name, header in _HEADERS.items()}
    if _is_acs3(call):
        try:
            authorization = acs3.read_authorization(call.header("Authorization"))
        except MalformedAuthorization as error:
            raise ApiFault(
                "IncompleteSignature", f"The request signature does not conform to standards: {error}."
            ) from None
        common |= {"AccessKeyId": authorization.key_id, "Signature": authorization.signature}
    return common


def _format(call: Call, given: Mapping[str, str]) -> str:
    """`json` or `xml`: of the RPC style as its Format says, XML by default; of ACS3 as its Accept says."""
    if "Format" in given:
        return given["Format"].lower() or "xml"
    if not _is_acs3(call) and not given.keys().isdisjoint({"Action", "AccessKeyId"}):
        return "xml"
    return "xml" if call.header("Accept") == "application/xml" else "json"


def _check_format(call: Call, given: Mapping[str, str]) -> None:
    if given.get("Format", "").lower() not in _FORMATS:
        raise ApiFault("InvalidParameter.Format", "The parameter Format is neither JSON nor XML.")


def _check_texts(parameters: Mapping[str, object]) -> None:
    try:
        check_texts(parameters)
    except ApiFault as fault:
        raise ApiFault("InvalidParameter.Format", fault.message) from None


def _missing(name: str) -> ApiFault:
    return ApiFault(f"Missing{name}", f"{name} is mandatory for this action.")


def _fresh_timestamp(text: str, now: float) -> float:
    """Unix seconds of `yyyy-MM-ddTHH:mm:ssZ`."""
    try:
        timestamp = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise ApiFault(
            "InvalidTimeStamp.Format", "Specified time stamp is not in the format yyyy-MM-ddTHH:mm:ssZ."
        ) from None
    if abs(now - timestamp) > MAX_SKEW_S:
        raise ApiFault("InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
    return timestamp


def _reply(
    call: Call, root: str, members: Mapping[str, object], status: int, headers: Mapping[str, str]
) -> Reply:
    wanted = _format(call, dict((*call.query_pairs, *call.form_pairs)))
    if wanted == "xml":
        return Reply(xml_document(root, members), "text/xml;charset=utf-8", status, headers)
    return Reply(json_bytes(members), "application/json;charset=utf-8", status, headers)
