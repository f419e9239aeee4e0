"""A bare handler: it encodes a value that was made beforehand, and nothing else.

`python -m bench.compute_floor FILE` reads the value as JSON from a file.
"""

import sys
from pathlib import Path

import orjson
import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response


def application(value: object) -> FastAPI:
    """Return the application with its one route."""
    app = FastAPI()

    async def answer(request: Request) -> Response:
        del request
        return Response(orjson.dumps(value), media_type="application/json")

    app.add_api_route("/", answer, methods=["GET"])
    return app


class _Server(uvicorn.Server):
    async def startup(self, sockets: object = None) -> None:
        await super().startup(sockets)  # type: ignore[arg-type]
        port = self.servers[0].sockets[0].getsockname()[1]
        print(f"listening on http://127.0.0.1:{port}", flush=True)


def main() -> None:
    """Serve until ended."""
    value = orjson.loads(Path(sys.argv[1]).read_bytes())
    settings = uvicorn.Config(
        application(value),
        port=0,
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
    )
    _Server(settings).run()


if __name__ == "__main__":
    main()
