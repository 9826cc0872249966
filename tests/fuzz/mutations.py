"""Damage as disks, hands and attackers do it."""

from __future__ import annotations

from random import Random

LARGEST_BYTES = 1 << 20

_WORDS = [b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\1", b"\0\0\xff\xff"]
_PARTS = {b"#": b"\n", b"{": b","}
"""What separates the parts of a text that begins so: a playlist's lines, the members of JSON."""

_NUMBERS = [
    b"nan",
    b"inf",
    b"-1",
    b"1e308",
    b"0",
    b"99999999999999999999",
    b"",
    b"0x7",
    b"null",
    b"[]",
    b"{}",
    b'"../x"',
]


def mutate(data: bytes, random: Random, others: list[bytes]) -> bytes:
    """A few changes: bits, words, cuts, repeats, pieces of other files, and in text lines and numbers."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 8))):
        change = random.choice((_flip, _word, _cut, _repeat, _drop))
        if data[:1] in _PARTS and random.random() < 0.7:
            changed = _change_part(changed, random, _PARTS[data[:1]])
        elif random.random() < 0.1:
            other = random.choice(others)
            changed[random.randint(0, len(changed)) :] = other[random.randint(0, len(other)) :]
        elif changed:
            change(changed, random)
        del changed[LARGEST_BYTES:]
    return bytes(changed)


def _flip(data: bytearray, random: Random) -> None:
    data[_place(data, random)] ^= 1 << random.randrange(8)


def _word(data: bytearray, random: Random) -> None:
    at = _place(data, random)
    word = random.choice(_WORDS)
    data[at : at + len(word)] = word


def _cut(data: bytearray, random: Random) -> None:
    del data[_place(data, random) :]


def _drop(data: bytearray, random: Random) -> None:
    at = _place(data, random)
    del data[at : at + random.choice((1, 3, 188, 1000))]


def _repeat(data: bytearray, random: Random) -> None:
    at = _place(data, random)
    piece = data[at : at + random.choice((1, 4, 188, 5000))]
    data[at:at] = piece * random.choice((1, 2, 10))


def _change_part(data: bytearray, random: Random, border: bytes) -> bytearray:
    parts = bytes(data).split(border)
    at = random.randrange(len(parts))
    key, colon, value = parts[at].partition(b":")
    change = random.randrange(6)
    if change == 0:
        parts.insert(at, random.choice(parts))
    elif change == 1:
        del parts[at]
    elif change == 2:
        parts[at] = key + colon + random.choice(_NUMBERS)
    elif change == 3:
        parts[at] = key + colon + value * random.choice((2, 1000))
    elif change == 4:
        parts[at] = key + colon + random.choice(parts).partition(b":")[2]
    else:
        parts[at] = key + colon + bytes(random.randbytes(random.randint(0, 9))) + value
    return bytearray(border.join(parts))


def _place(data: bytearray, random: Random) -> int:
    """Anywhere, and half of the time in the first bytes, where headers are."""
    return random.randrange(min(len(data), random.choice((64, 1024, len(data), len(data)))))
