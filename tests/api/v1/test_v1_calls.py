"""Who may call /v1, and what is answered to calls that are none."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from engine.api.v1.bodies import LARGEST_BYTES

RULES = "/v1/rules"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def database(tmp_path: Path) -> str:
    """Of one kind: none of these calls comes to the catalog."""
    return f"sqlite+aiosqlite:///{tmp_path}/reel.db"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "[::1]"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Host": "reel.example.com"}, 403),
        ({"Host": "127.0.0.1.example.com"}, 403),
        ({"Origin": "http://127.0.0.1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"X-Forwarded-For": "127.0.0.1", "Host": "example.com"}, 403),
    ],
)
async def test_without_a_token_programs_of_this_machine_call(
    headers: dict[str, str], status: int, client: Any
) -> None:
    await client.ask("GET", RULES, status, headers=headers)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer s3cret"}, 200),
        ({"Authorization": "bearer  s3cret"}, 200),
        ({"Authorization": "Bearer s3cret", "Origin": "http://example.com", "Host": "example.com"}, 200),
        ({}, 401),
        ({"Authorization": "Bearer s3cre"}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"Authorization": "Basic s3cret"}, 401),
        ({"Authorization": "Bearer ÿ"}, 401),
    ],
)
async def test_with_a_token_its_holders_call(headers: dict[str, str], status: int, call: Any) -> None:
    async with call(token="s3cret") as client:
        await client.ask("GET", RULES, status, headers=headers)
        if status == 401:
            async with client.session.get(client.url + RULES, headers=headers) as response:
                assert response.headers["WWW-Authenticate"].startswith("Bearer")
        await client.ask("GET", "/healthz")


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        (b"{}", {}, 415),
        (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b"", JSON, 400),
        (b"{", JSON, 400),
        (b"\xff\xfe", JSON, 400),
        ('{"app": "x"}'.encode("utf-16"), JSON, 400),
        (b"\xef\xbb\xbf{}", JSON, 400),
        (b'{"app": "x", "app": "y"}', JSON, 400),
        (b'{"app": ' + b"[" * 1000 + b"]" * 1000 + b"}", JSON, 400),
        (b"[" * LARGEST_BYTES, JSON, 400),
        (b"1" * LARGEST_BYTES, JSON, 400),
        (b" " * (LARGEST_BYTES + 1), JSON, 413),
    ],
)
async def test_a_body_that_is_none(data: bytes, headers: dict[str, str], status: int, client: Any) -> None:
    await client.refused("POST", RULES, status, data=data, headers=headers)


async def test_a_body_whose_length_nobody_said(client: Any) -> None:
    async def endless() -> Any:
        for _ in range(100):
            yield b" " * 4096

    with_length = await client.refused("POST", RULES, 413, data=endless(), headers=JSON)
    assert str(LARGEST_BYTES) in with_length


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1/", 404),
        ("PUT", RULES, 405),
        ("GET", "/v1/files?limit=0", 400),
        ("GET", "/v1/files?limit=1&limit=2", 400),
        ("GET", "/v1/files?from=yesterday", 400),
        ("GET", "/v1/files?from=0001-01-01T00:00:00%2B14:00", 400),
        ("GET", "/v1/files?to=9999-12-31T23:59:59-14:00", 400),
        ("GET", "/v1/files?format=avi", 400),
        ("GET", "/v1/files?stream=%00", 400),
        ("GET", "/v1/files?strem=a", 400),
        ("GET", "/v1/files/1", 404),
        ("DELETE", "/v1/files/%2e%2e%2fx", 404),
        ("GET", "/v1/recordings?open=perhaps", 400),
        ("GET", "/v1/recordings/none", 404),
        ("POST", "/v1/recordings/none/stop", 404),
    ],
)
async def test_calls_of_nothing(method: str, path: str, status: int, client: Any) -> None:
    problem = await client.session.request(method, URL(client.url + path, encoded=True))
    async with problem as response:
        assert response.status == status
        assert response.content_type == "application/problem+json"
        assert (await response.json(content_type=None))["instance"] == (
            f"urn:uuid:{response.headers['X-Request-Id']}"
        )


async def test_a_defect_is_told_as_one(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: Any) -> None:
        raise RuntimeError("secret words")

    monkeypatch.setattr(client.house.control, "online", broken)
    assert "secret" not in await client.refused("GET", "/v1/status", 500)


async def test_a_client_that_leaves_in_the_middle(client: Any) -> None:
    """Costs nobody anything."""
    host, port = client.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /v1/rules HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
    writer.write(b"Content-Length: 100\r\n\r\n{")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    async with aiohttp.ClientSession() as session, session.get(client.url + "/healthz") as response:
        assert response.status == 200
