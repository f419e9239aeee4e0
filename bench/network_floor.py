"""The floor of the network face: a bare handler that commits what a report on a port commits."""

import asyncio
import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path

import orjson
import uvicorn
import uvloop
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.accounts import Actor, AuditRecord
from faultwire.domain.changes import Audited, PortsSaved
from faultwire.domain.ids import PortId, ProjectId
from faultwire.domain.resources import Port
from faultwire.store import Ledger, engine_in_folder, upgrade


async def main(folder: str) -> None:
    """Serve on a free port, which is printed."""
    engine = engine_in_folder(Path(folder))
    upgrade(engine)
    ledger, thread, numbers = Ledger(engine), ThreadPoolExecutor(1), count(1)
    port = Port(PortId("port"), ProjectId("p"), host=None)
    ledger.commit([PortsSaved((port,))])
    ledger.warm()

    async def put(request: Request) -> Response:
        said = orjson.loads(await request.body())["port"]
        number = next(numbers)
        made = replace(port, data_plane_status=said["data_plane_status"], revision=number)
        line = AuditRecord(number, Actor("bench"), "port.update", port.id, "")
        batch = [PortsSaved((made,)), Audited((line,))]
        await asyncio.get_running_loop().run_in_executor(thread, ledger.commit, batch)
        return Response(b'{"port":{}}', media_type="application/json")

    app = FastAPI(openapi_url=None)
    app.add_api_route("/put", put, methods=["PUT"], response_model=None)
    config = uvicorn.Config(
        app, "127.0.0.1", 0, http="httptools", lifespan="off", access_log=False, log_config=None
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  uvicorn tells it in no other way
        await asyncio.sleep(0.01)
    gc.freeze()
    address = server.servers[0].sockets[0].getsockname()[1]
    print(f"listening on http://127.0.0.1:{address}", flush=True)
    await task


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
