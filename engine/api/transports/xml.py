"""Answers as XML, for clients of Aliyun that ask for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape

# What XML 1.0 cannot say even when escaped.
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def xml_document(root: str, members: Mapping[str, object]) -> bytes:
    """JSON's values as elements: a list is its member's element again and again, null is an empty one.

    `root` and all names are names of the dialect's, never a caller's.
    """
    inner = "".join(part for name, value in members.items() for part in _elements(name, value))
    return f"<?xml version='1.0' encoding='UTF-8'?><{root}>{inner}</{root}>".encode()


def _elements(name: str, value: object) -> Iterator[str]:
    match value:
        case Mapping():
            inner = "".join(part for key, item in value.items() for part in _elements(str(key), item))
            yield f"<{name}>{inner}</{name}>"
        case list() | tuple():
            for item in value:
                yield from _elements(name, item)
        case bool():
            yield f"<{name}>{str(value).lower()}</{name}>"
        case None:
            yield f"<{name}></{name}>"
        case _:
            yield f"<{name}>{_NO_XML.sub('?', escape(str(value)))}</{name}>"
