"""Private addresses, where messages to them are forbidden."""

from __future__ import annotations

import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from notify.outgoing import attempts, put, until_state
from notify.receiver import receiver

from engine.catalog import Catalog
from engine.notify import Delivery, Schedule
from engine.notify.addresses import PublicResolver, is_public, may_be_public


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700:4700::1111", True),
        ("127.0.0.1", False),
        ("10.0.0.5", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("255.255.255.255", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.5", False),
        ("2002:7f00:1::", False),
    ],
)
def test_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://example.com/cb", True),
        ("http://8.8.8.8:8080/", True),
        ("http://localhost/", False),
        ("http://LOCALHOST.:80/", False),
        ("http://a.localhost/", False),
        ("http://127.0.0.1/", False),
        ("http://[::1]/", False),
        ("http://[::1/", False),
        ("http://user@10.0.0.5/", False),
        ("http:///", False),
    ],
)
def test_urls(url: str, public: bool) -> None:
    assert may_be_public(url) is public


class Names(AbstractResolver):
    """Knows one name."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self._addresses
        ]

    async def close(self) -> None:
        pass


async def test_of_a_names_addresses_the_public_ones_are_given() -> None:
    found = await PublicResolver(Names("10.0.0.5", "8.8.8.8", "::1")).resolve("h", 80)
    assert [one["host"] for one in found] == ["8.8.8.8"]


async def test_a_name_of_private_addresses_is_none() -> None:
    with pytest.raises(OSError, match="h is at a private address"):
        await PublicResolver(Names("10.0.0.5", "127.0.0.1")).resolve("h", 80)


@pytest.mark.parametrize(
    ("host", "error"),
    [
        ("127.0.0.1", "names a private address"),
        ("localhost", "names a private address"),
        ("0x7f.1", "0x7f.1 is at a private address"),
        ("2130706433", "not a canonical IPv4 address"),
    ],
)
async def test_a_private_receiver_is_told_nothing(catalog: Catalog, host: str, error: str) -> None:
    schedule = Schedule(retry_s=0.05, retries=1, timeout_s=20, private_addresses=False)
    async with receiver() as one, Delivery(catalog, schedules={"aliyun": schedule}):
        port = one.url.rsplit(":", 1)[1]
        id = await put(catalog, f"http://{host}:{port}", vendor="aliyun")
        await until_state(catalog, id, "failed")
        assert one.got == []
    assert all(error in attempt.error for attempt in await attempts(catalog, id))
