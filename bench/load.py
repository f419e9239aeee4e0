"""What goes on beside a burst: imports without end, and clients that page through everything.

``python -m bench.load URL TOKEN HOSTS SERVERS PAGERS`` prints ``begun`` once an import is under
way, works until its input ends, and prints what it did as JSON.
"""

import functools
import http.client
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson

from faultwire.domain.ids import derived

SECONDS = 300

LISTS: tuple[tuple[str, str], ...] = (
    ("/fault/v1/faults?limit=1000", "id"),
    ("/alarming/v2/alarms?all_projects=true&limit=1000", "alarm_id"),
    ("/alarming/v2/deliveries?all_projects=true&limit=1000", "id"),
    ("/fault/v1/inventory", ""),
)
"""Path, and the field that is the marker; no field: one page."""

NICENESS = 10


class Load:
    """Threads that call a server until told to stop."""

    def __init__(self, url: str, token: str) -> None:
        self._address = url.removeprefix("http://")
        self._headers = {"X-Auth-Token": token, "Content-Type": "application/json"}
        self._stop = threading.Event()
        self._begun = threading.Event()
        self.done: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.longest = 0.0
        self.slowest = 0.0

    def run(self, hosts: int, servers: int, pagers: int) -> None:
        """Work until the input ends."""
        works: list[Callable[[], None]] = []
        if servers:
            bodies = [document(hosts, servers, name) for name in ("first", "second")]
            works.append(lambda: self._import(bodies))
        works += [functools.partial(self._page, *LISTS[n % len(LISTS)]) for n in range(pagers)]
        threads = [threading.Thread(target=work, daemon=True) for work in works]
        for thread in threads:
            thread.start()
        if servers:
            self._begun.wait(60)
        print("begun", flush=True)
        sys.stdin.read()
        self._stop.set()
        for thread in threads:
            thread.join(SECONDS)

    def _call(self, connection: Any, method: str, path: str, body: bytes = b"") -> bytes:
        connection.request(method, path, body or None, self._headers)
        answer = connection.getresponse()
        content: bytes = answer.read()
        if answer.status >= 400:
            self.errors[f"{method} {path.partition('?')[0]} {answer.status}"] += 1
            time.sleep(0.1)
            return b""
        return content

    def _import(self, bodies: list[bytes]) -> None:
        while not self._stop.is_set():
            connection = http.client.HTTPConnection(self._address, timeout=SECONDS)
            body = bodies[self.done["imports"] % 2]
            began = time.monotonic()
            self._begun.set()
            self._call(connection, "PATCH", "/fault/v1/inventory", body)
            self.longest = max(self.longest, time.monotonic() - began)
            self.done["imports"] += 1
            connection.close()

    def _page(self, path: str, field: str) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=SECONDS)
        marker = ""
        while not self._stop.is_set():
            more = f"&marker={marker}" if marker else ""
            began = time.monotonic()
            content = self._call(connection, "GET", path + more)
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.done[path.partition("?")[0]] += 1
            marker = ""
            if field and content:
                marker = last(content, field)


def document(hosts: int, servers: int, name: str) -> bytes:
    """Return an inventory of other hosts and servers, whose names begin so."""
    project = derived("project", "import")
    return orjson.dumps(
        {
            "projects": [{"id": project, "name": "import"}],
            "hosts": [{"name": f"other-{number}"} for number in range(hosts)],
            "servers": [
                {
                    "id": derived("other", number),
                    "name": f"{name}-{number}",
                    "project": project,
                    "host": f"other-{number % hosts}",
                }
                for number in range(servers)
            ],
        }
    )


def last(content: bytes, field: str) -> str:
    """Return the field of the last row, found without a parser: a client costs little here."""
    name = f'"{field}":"'.encode()
    begin = content.rfind(name)
    if begin < 0:
        return ""
    begin += len(name)
    return content[begin : content.index(b'"', begin)].decode()


def main(url: str, token: str, hosts: str, servers: str, pagers: str) -> None:
    """Be the process."""
    os.nice(NICENESS)
    load = Load(url, token)
    load.run(int(hosts), int(servers), int(pagers))
    found = {
        "done": load.done,
        "errors": load.errors,
        "longest_import_s": load.longest,
        "slowest_page_s": load.slowest,
    }
    print(orjson.dumps(found).decode(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
