"""The floor of many origins: bare aiohttp, which posts one body to every URL.

`python -m bench.origins_floor [CA]`; POST /prepare takes {"headers", "body", "rounds": [[url]]},
POST /post/N posts to the URLs of round N and answers at once.
"""

import asyncio
import gc
import ssl
import sys

import aiohttp
import orjson
import uvloop
from aiohttp import web
from yarl import URL

SLOTS = 128
_OWN = frozenset({"host", "content-length"})


class Floor:
    """One process of the floor."""

    def __init__(self, authority: str) -> None:
        self._context = ssl.create_default_context(cafile=authority) if authority else True
        self._session: aiohttp.ClientSession | None = None
        self._rounds: list[list[URL]] = []
        self._headers: dict[str, str] = {}
        self._body = b""
        self._sending: asyncio.Task[None] | None = None

    async def prepare(self, request: web.Request) -> web.Response:
        """Take what is posted, and where."""
        given = orjson.loads(await request.read())
        self._rounds = [[URL(url) for url in urls] for urls in given["rounds"]]
        self._headers = {name: v for name, v in given["headers"].items() if name not in _OWN}
        self._body = given["body"].encode()
        connector = aiohttp.TCPConnector(limit=0, limit_per_host=0, ssl=self._context)
        self._session = aiohttp.ClientSession(connector=connector, trust_env=False)
        gc.collect()
        gc.freeze()
        return web.Response()

    async def post(self, request: web.Request) -> web.Response:
        """Begin to post."""
        urls = self._rounds[int(request.match_info["number"])]
        self._sending = asyncio.create_task(self._post(urls))
        return web.Response(status=202)

    async def _post(self, urls: list[URL]) -> None:
        session, left = self._session, iter(urls)
        if session is None:
            return

        async def worker() -> None:
            for url in left:
                async with session.post(
                    url, data=self._body, headers=self._headers, allow_redirects=False
                ) as answer:
                    await answer.read()

        await asyncio.gather(*(worker() for _ in range(min(SLOTS, len(urls)))))


async def main(authority: str = "") -> None:
    """Serve until ended."""
    floor = Floor(authority)
    app = web.Application(client_max_size=1 << 26)
    app.router.add_post("/prepare", floor.prepare)
    app.router.add_post("/post/{number}", floor.post)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"listening on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
