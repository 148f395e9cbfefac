"""The browser of these tests really blocks third-party cookies, and would really send them otherwise."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.e2e.desk import Desk


@asynccontextmanager
async def other_site() -> AsyncIterator[tuple[int, list[tuple[str, bool]]]]:
    """A site that tracks: `/top` embeds `/frame` of another site. Notes which request brought its cookie."""
    seen: list[tuple[str, bool]] = []
    port = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        path = head.split()[1]
        seen.append((path, "track=1" in head))
        page = f"<iframe src='http://stranger.localhost:{port}/frame'></iframe>" if path == "/top" else path
        cookie = "set-cookie: track=1; SameSite=None; Secure; Path=/\r\n"
        length = f"content-length: {len(page)}\r\nconnection: close\r\n\r\n"
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n{cookie}{length}{page}".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    async with server:
        yield port, seen


async def brought(desk: Desk, *, blocking: bool) -> bool:
    """Whether the frame of another site was asked for with the cookie it has."""
    async with other_site() as (port, seen):
        page = await desk.new_page()
        if not blocking:
            page = await page.context.new_page()
        await page.goto(f"http://stranger.localhost:{port}/first")
        await page.goto(f"http://stranger.localhost:{port}/again")
        assert ("/again", True) in seen  # the cookie is there
        await page.goto(f"http://top.localhost:{port}/top")
        await page.frame_locator("iframe").get_by_text("/frame").wait_for()
        return dict(seen)["/frame"]


async def test_a_cookie_of_another_site_does_not_arrive(desk: Desk) -> None:
    assert not await brought(desk, blocking=True)


async def test_the_twin_without_blocking_it_arrives(desk: Desk) -> None:
    assert await brought(desk, blocking=False)
