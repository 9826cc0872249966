"""Values that only Tencent's callers send, and the codes that its mistakes have. Pure."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import unquote_plus

from pydantic import AfterValidator

from engine.api.values import Integer, Text, mistyped, within

INVALID = "InvalidParameter"
"""Of a wrong type or format."""
NOT_ALLOWED = "InvalidParameterValue"
"""Well formed, and refused."""


def _decoded_again(value: str) -> str:
    """A text in a JSON body may be URL-encoded once more: a `%` in it says so."""
    plain = unquote_plus(value) if "%" in value else value
    if "\0" in plain:  # what the transport has looked at had none
        raise mistyped("is not valid UTF-8 text")
    return plain


Encoded = Annotated[Text, AfterValidator(_decoded_again)]
Flag = Annotated[Integer, within(0, 1)]
"""0 or 1, where the vendor writes an Integer for no and yes."""
