"""The HTTP-FLV reader: heads, body framings, any division of the input, each malformed input's code."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from native.flv_bytes import CAPTURES, EXAMPLE, flv_bytes, tag_bytes

from engine import _native
from engine.errors import BadResponse, MalformedFlv, MalformedHttp, NotFlv, from_fault
from engine.media.batch import TAG

Head = tuple[int, str, list[tuple[str, str]]]


@dataclass
class Answer:
    """What a reader made of a response."""

    head: Head | None
    ended: bool
    fault: tuple[str, str] | None
    arena: bytes = b""
    rows: int = 0
    fault_before_close: tuple[str, str] | None = field(default=None)


def read(*pieces: bytes) -> Answer:
    """Feed the pieces, taking after each, then close."""
    reader = _native.HttpFlvReader()
    arena, rows = b"", 0
    for piece in pieces:
        reader.feed(piece)
        if (taken := reader.take()) is not None:
            arena += taken[0]
            rows += len(taken[1]) // _native.TAG_BYTES
    ended, before = reader.ended, reader.fault
    reader.finish()
    assert reader.take() is None
    return Answer(reader.head, ended, reader.fault, arena, rows, before)


def read_in_place(*pieces: bytes) -> Answer:
    """The same where whole tags are read in place, and what cannot be read so is fed."""
    reader = _native.HttpFlvReader()
    arena, rows, held = b"", 0, b""
    for piece in (*pieces, None):
        held += piece or b""
        may = reader.reads_in_place
        read = reader.read_in_place(held)
        assert may or read is None
        if read is not None:
            count, table = read
            assert (count == 0) == (table == b"")
            arena, held = arena + tags_of(held, table), held[count:]
            rows += len(table) // _native.TAG_BYTES
        if read is None or piece is None:
            reader.feed(held)
            held = b""
            if (taken := reader.take()) is not None:
                arena += taken[0]
                rows += len(taken[1]) // _native.TAG_BYTES
    ended, before = reader.ended, reader.fault
    reader.finish()
    return Answer(reader.head, ended, reader.fault, arena, rows, before)


def tags_of(arena: bytes, table: bytes) -> bytes:
    """The tags that rows point at, with what FLV puts around a body."""
    rows = np.frombuffer(table, dtype=TAG)
    bodies = zip(rows["offset"].tolist(), rows["size"].tolist(), strict=True)
    return b"".join(arena[offset - 11 : offset + size + 4] for offset, size in bodies)


def response(*lines: str, body: bytes = b"", status: str = "HTTP/1.1 200 OK") -> bytes:
    """A response with these header lines."""
    return "".join(f"{line}\r\n" for line in (status, *lines)).encode("latin-1") + b"\r\n" + body


def chunked(body: bytes, *sizes: int, extension: str = "", trailer: str = "") -> bytes:
    """The body in chunks of these sizes (the last is repeated)."""
    out, at, step = b"", 0, list(sizes)
    while at < len(body):
        size = step.pop(0) if len(step) > 1 else step[0]
        part = body[at : at + size]
        out += f"{len(part):X}{extension}\r\n".encode() + part + b"\r\n"
        at += size
    return out + f"0{extension}\r\n{trailer}\r\n".encode()


FLV = flv_bytes(EXAMPLE)
ARENA = b"".join(tag_bytes(tag) for tag in EXAMPLE)
LENGTH = f"Content-Length: {len(FLV)}"
CHUNKED = "Transfer-Encoding: chunked"
A_CHUNK_A_TAG = [13, *(len(tag_bytes(tag)) for tag in EXAMPLE)]

WHOLE = {
    "until close": (response(body=FLV), False),
    "http/1.0": (response(body=FLV, status="HTTP/1.0 200 OK"), False),
    "no reason": (response(body=FLV, status="HTTP/1.1 200 "), False),
    "line feeds alone": (response(LENGTH, body=FLV).replace(b"\r\n", b"\n", 3), True),
    "length": (response(LENGTH, body=FLV), True),
    "same length twice": (response(LENGTH, LENGTH, f"{LENGTH}, {len(FLV)}", body=FLV), True),
    "bytes behind the body": (response(LENGTH, body=FLV + b"HTTP/1.1 nonsense"), True),
    "chunked": (response(CHUNKED, body=chunked(FLV, 100)), True),
    "a chunk a tag": (response(CHUNKED, body=chunked(FLV, *A_CHUNK_A_TAG)), True),
    "chunks of whole tags": (response(CHUNKED, body=chunked(FLV, sum(A_CHUNK_A_TAG[:3]), 10**9)), True),
    "a chunk that splits a tag": (response(CHUNKED, body=chunked(FLV, *A_CHUNK_A_TAG[:3], 9, 10**9)), True),
    "chunks of one byte": (response(CHUNKED, body=chunked(FLV, 1)), True),
    "lower case": (response("transfer-encoding: CHUNKED", body=chunked(FLV, 10, 1, 300)), True),
    "extensions": (response(CHUNKED, body=chunked(FLV, 99, extension=' ;a="b;c";d')), True),
    "trailers": (response(CHUNKED, body=chunked(FLV, 50, trailer="X-End: 1\r\nY: 2\r\n")), True),
    "bytes behind the chunks": (response(CHUNKED, body=chunked(FLV, 64) + b"\x00more"), True),
    "chunked wins over a length": (response("Content-Length: 5", CHUNKED, body=chunked(FLV, 33)), True),
    "chunked wins over a wrong length": (response("Content-Length: x", CHUNKED, body=chunked(FLV, 33)), True),
    "identity codings": (
        response("Content-Encoding: identity", "Transfer-Encoding: identity", LENGTH, body=FLV),
        True,
    ),
    "interim responses": (
        response(status="HTTP/1.1 100 Continue")
        + response("Link: <x>", status="HTTP/1.1 103 Early Hints")
        + response(LENGTH, body=FLV),
        True,
    ),
}


@pytest.mark.parametrize(("data", "ended"), WHOLE.values(), ids=WHOLE.keys())
def test_whole_and_byte_by_byte(data: bytes, ended: bool) -> None:
    answer = read(data)
    assert answer.fault is None
    assert (answer.arena, answer.rows, answer.ended) == (ARENA, len(EXAMPLE), ended)
    assert read(*(data[i : i + 1] for i in range(len(data)))) == answer


@given(st.sampled_from(list(WHOLE.values())), st.lists(st.integers(0, 4000), max_size=10))
def test_any_split_points_give_the_same_answer(case: tuple[bytes, bool], points: list[int]) -> None:
    data, _ = case
    borders = [0, *sorted(point % (len(data) + 1) for point in points), len(data)]
    assert read(*(data[a:b] for a, b in pairwise(borders))) == read(data)


@given(
    st.sampled_from(list(WHOLE.values())), st.integers(0, 1200), st.binary(max_size=40), st.integers(0, 1500)
)
def test_any_damage_gives_the_same_answer_however_it_is_split(
    case: tuple[bytes, bool], at: int, garbage: bytes, cut: int
) -> None:
    data = case[0][:at] + garbage + case[0][at + len(garbage) :]
    answer = read(data)
    assert read(data[:cut], data[cut:]) == answer
    assert read(*(data[i : i + 1] for i in range(len(data)))) == answer


def test_the_head_has_lower_case_names_in_their_order() -> None:
    answer = read(response("Server: Nginx/1", "X-Upper: a"))
    assert answer.head == (200, "OK", [("server", "Nginx/1"), ("x-upper", "a")])
    bytes_above_ascii = response("X-Name: caf\xe9", LENGTH, body=FLV)
    assert read(bytes_above_ascii).head == (
        200,
        "OK",
        [("x-name", "caf\xe9"), ("content-length", str(len(FLV)))],
    )


def test_the_head_is_there_with_its_last_byte_and_not_before() -> None:
    data = response(LENGTH)
    reader = _native.HttpFlvReader()
    reader.feed(data[:-1])
    assert reader.head is None
    reader.feed(data[-1:])
    assert reader.head == (200, "OK", [("content-length", str(len(FLV)))])
    assert not reader.ended


@pytest.mark.parametrize("status", ["301 Moved", "401 Unauthorized", "404 Not Found", "503 Busy"])
def test_the_body_of_another_status_is_discarded(status: str) -> None:
    for body in (b"<html>", FLV):
        data = response(f"Content-Length: {len(body)}", "Location: x", body=body, status=f"HTTP/1.1 {status}")
        answer = read(data)
        assert answer.head is not None
        assert answer.head[0] == int(status[:3])
        assert (answer.rows, answer.ended, answer.fault) == (0, True, None)


def test_a_compressed_error_page_is_only_discarded() -> None:
    data = response("Content-Encoding: gzip", body=b"\x1f\x8b", status="HTTP/1.1 404 Not Found")
    assert read(data).fault is None


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_statuses_without_a_body_end_with_their_head(status: str) -> None:
    answer = read(response("Content-Length: 5", status=f"HTTP/1.1 {status}"))
    assert (answer.ended, answer.fault) == (True, None)


MALFORMED = {
    "rtmp": (b"\x03\x00\x00\x00\x00", "http.head"),
    "icecast": (b"ICY 200 OK\r\n\r\n", "http.head"),
    "http/2": (b"HTTP/2 200\r\n\r\n", "http.head"),
    "no status": (b"HTTP/1.1 abc\r\n\r\n", "http.head"),
    "header name": (response("bad name: 1"), "http.head"),
    "nul": (response("a: \x00"), "http.head"),
    "head": (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 3000, "http.head_too_large"),
    "head line": (b"HTTP/1.1 200 " + b"x" * 20_000, "http.head_too_large"),
    "headers": (response(*["a: b"] * 101), "http.too_many_headers"),
    "upgrade": (response(status="HTTP/1.1 101 Switching Protocols"), "http.upgrade"),
    "interim": (response(status="HTTP/1.1 100 Continue") * 9, "http.interim"),
    "lengths": (response("Content-Length: 5", "Content-Length: 6"), "http.content_length"),
    "length list": (response("Content-Length: 5, 6"), "http.content_length"),
    "negative": (response("Content-Length: -5"), "http.content_length"),
    "plus": (response("Content-Length: +5"), "http.content_length"),
    "long length": (response("Content-Length: 18446744073709551616"), "http.content_length"),
    "gzip": (response("Content-Encoding: gzip", body=FLV), "http.content_encoding"),
    "gzip transfer": (response("Transfer-Encoding: gzip, chunked"), "http.transfer_encoding"),
    "chunk size": (response(CHUNKED, body=b"xyz\r\n"), "http.chunk"),
    "chunk size empty": (response(CHUNKED, body=b"\r\n"), "http.chunk"),
    "chunk size sign": (response(CHUNKED, body=b"+5\r\nabcde\r\n"), "http.chunk"),
    "chunk size over 64 bits": (response(CHUNKED, body=b"1" + b"0" * 16 + b"\r\n"), "http.chunk"),
    "chunk line": (response(CHUNKED, body=b"1;" + b"x" * 1200), "http.chunk"),
    "chunk end": (response(CHUNKED, body=b"3\r\nFLVxx\r\n"), "http.chunk"),
    "chunk end behind a tag": (
        response(CHUNKED, body=chunked(FLV, *A_CHUNK_A_TAG).replace(b"\r\n0\r\n", b"xx0\r\n")),
        "http.chunk",
    ),
    "tag type in a chunk": (
        response(CHUNKED, body=chunked(FLV + b"\xff" * 20, *A_CHUNK_A_TAG)),
        "flv.bad_tag_type",
    ),
    "chunk end of one byte": (response(CHUNKED, body=b"3\r\nFLVx\n0\r\n\r\n"), "http.chunk"),
    "trailers": (response(CHUNKED, body=b"0\r\n" + b"a: " + b"b" * 17_000), "http.trailers"),
    "trailer lines": (response(CHUNKED, body=b"0\r\n" + b"a:b\r\n" * 101), "http.trailers"),
    "html": (response("Content-Type: text/html", body=b"<!doctype html>"), "not.flv"),
    "tag type": (response(body=FLV + b"\xff" * 20), "flv.bad_tag_type"),
}


@pytest.mark.parametrize(("data", "code"), MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_input_has_its_code(data: bytes, code: str) -> None:
    answer = read(data)
    assert answer.fault is not None
    assert answer.fault[0] == code
    assert answer.fault_before_close == answer.fault
    assert read(*(data[i : i + 1] for i in range(len(data)))) == answer
    kind = {"http": MalformedHttp, "flv": MalformedFlv, "not": NotFlv}[code.split(".")[0]]
    if code == "http.content_encoding":  # well-formed, and refused all the same
        kind = BadResponse
    assert isinstance(from_fault(answer.fault, "x"), kind)


def test_refusals_say_what_is_refused() -> None:
    fault = read(response("Content-Encoding: gzip")).fault
    assert fault == ("http.content_encoding", 'refused: the body has content-encoding "gzip"')


CUT = {
    "nothing": (b"", "http.truncated"),
    "head": (response(LENGTH)[:-1], "http.truncated"),
    "interim only": (response(status="HTTP/1.1 100 Continue"), "http.truncated"),
    "length": (response(LENGTH, body=FLV[:-1]), "http.truncated"),
    "chunk size": (response(CHUNKED, body=chunked(FLV, 100)[:1]), "http.truncated"),
    "chunk": (response(CHUNKED, body=chunked(FLV, 100)[:50]), "http.truncated"),
    "last chunk": (response(CHUNKED, body=chunked(FLV, 100)[:-5]), "http.truncated"),
    "trailers": (response(CHUNKED, body=chunked(FLV, 100)[:-2]), "http.truncated"),
    "tag until close": (response(body=FLV[:100]), "flv.truncated"),
    "tag in a whole body": (response("Content-Length: 100", body=FLV[:100]), "flv.truncated"),
    "tag in a chunk of its own": (
        response(CHUNKED, body=chunked(FLV, *A_CHUNK_A_TAG)[:-30]),
        "http.truncated",
    ),
    "tag in whole chunks": (response(CHUNKED, body=chunked(FLV[:100], 30)), "flv.truncated"),
    "empty body": (response("Content-Length: 0"), "not.flv"),
}


@pytest.mark.parametrize(("data", "code"), CUT.values(), ids=CUT.keys())
def test_a_connection_closed_early_is_a_fault_of_finish(data: bytes, code: str) -> None:
    answer = read(data)
    assert answer.fault_before_close is None
    assert answer.fault is not None
    assert answer.fault[0] == code


def test_nothing_is_read_after_a_fault() -> None:
    reader = _native.HttpFlvReader()
    reader.feed(b"nonsense")
    fault = reader.fault
    reader.feed(response(LENGTH, body=FLV))
    reader.finish()
    assert (reader.fault, reader.head, reader.take()) == (fault, None, None)


ANY = [*(data for data, _ in WHOLE.values()), *(data for data, _ in (MALFORMED | CUT).values())]


@given(st.sampled_from(ANY), st.lists(st.integers(0, 2000), max_size=12))
def test_reading_in_place_changes_nothing(data: bytes, cuts: list[int]) -> None:
    borders = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    pieces = [data[start:end] for start, end in pairwise(borders)]
    assert read_in_place(*pieces) == read(*pieces)


def test_rows_read_in_place_are_those_of_a_copy() -> None:
    reader, other = _native.HttpFlvReader(), _native.HttpFlvReader()
    for one in (reader, other):
        one.feed(response(body=FLV[:13]))
    assert reader.reads_in_place
    other.feed(FLV[13:])
    assert (ARENA, (len(ARENA), other.take()[1])) == (FLV[13:], reader.read_in_place(FLV[13:] + FLV[13:20]))
    assert reader.read_in_place(FLV[13:20]) == (0, b"")
    assert reader.read_in_place(b"\xff" + FLV[14:]) is None


def test_chunks_of_whole_tags_are_read_in_place_and_others_are_not() -> None:
    reader = _native.HttpFlvReader()
    reader.feed(response(CHUNKED, body=chunked(FLV[:13], 13)[:-5]))
    assert reader.reads_in_place
    body = chunked(ARENA, *A_CHUNK_A_TAG[1:])
    read = reader.read_in_place(body)
    assert read is not None
    assert (body[read[0] :], tags_of(body, read[1])) == (b"\r\n0\r\n\r\n", ARENA)
    assert reader.read_in_place(b"\r") == (0, b"")
    more = b"\r\n%x\r\n%b" % (len(ARENA), ARENA)
    assert reader.read_in_place(more[:30]) == (0, b"")
    assert reader.read_in_place(b"\r\n20\r\n" + ARENA[:32] + b"\r\n") is None
    assert not reader.reads_in_place


@pytest.mark.skipif(not CAPTURES, reason="the shared captures are absent")
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_a_capture_in_chunks_gives_the_batches_of_the_file(path: Path) -> None:
    data = path.read_bytes()
    plain = _native.FlvReader()
    plain.feed(data)
    taken = plain.take()
    assert taken is not None
    sent = response(CHUNKED, body=chunked(data, 4096, 1, 70_000, 1449))
    answer = read(*(sent[at : at + 10_007] for at in range(0, len(sent), 10_007)))
    assert answer.fault is None
    assert answer.arena == taken[0]
    assert answer.rows == len(taken[1]) // _native.TAG_BYTES
