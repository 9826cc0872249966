"""`python -m benchmarks.tls_relay TO_PORT PORT`: TLS on PORT of this machine, what is inside it on TO_PORT.

The certificate is made for the occasion: `--insecure` accepts it.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from contextlib import suppress

import trustme

_PIECE_BYTES = 64 << 10


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(_PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
    writer.close()


async def _serve(to_port: int, port: int) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", to_port)
        await asyncio.gather(_copy(reader, back), _copy(there, writer))

    async with await asyncio.start_server(relay, "127.0.0.1", port, ssl=context) as server:
        await server.serve_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
