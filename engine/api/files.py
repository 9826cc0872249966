"""Finished files over HTTP, with ranges, as players ask for them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

ROUTE = "/files"

_TYPES = {
    ".flv": "video/x-flv",
    ".mp4": "video/mp4",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".ts": "video/mp2t",
    ".m4s": "video/iso.segment",
    ".aac": "audio/aac",
    ".mp3": "audio/mpeg",
}
_NEVER_CHANGES = "public, max-age=31536000, immutable"
_MAY_GROW = "no-cache"


def add_files(app: web.Application, root: Path) -> None:
    """Serves media below `root` under `/files`. Journals, manifests and files that still grow are no media;
    a playlist that grows is, so that a recording can be watched while it runs."""
    root = root.resolve()

    async def serve(request: web.Request) -> web.StreamResponse:
        path = await asyncio.to_thread(_find, root, request.match_info["path"])
        if path is None:
            raise web.HTTPNotFound
        headers = {
            "Content-Type": _TYPES[path.suffix],
            "Cache-Control": _MAY_GROW if path.suffix == ".m3u8" else _NEVER_CHANGES,
            # Players in pages of other sites fetch playlists and ranges.
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": "Content-Length, Content-Range",
            "X-Content-Type-Options": "nosniff",
        }
        return web.FileResponse(path, headers=headers)

    app.router.add_get(ROUTE + "/{path:.+}", serve)


def _find(root: Path, name: str) -> Path | None:
    """The media file of that name, if it is one and lies below the root, whatever links lead to it."""
    if "\0" in name:
        return None
    try:
        path = (root / name).resolve()
        is_ours = path.is_relative_to(root) and path.suffix in _TYPES and path.is_file()
    except (OSError, RuntimeError, ValueError):  # a name too long, a loop of links
        return None
    return path if is_ours else None
