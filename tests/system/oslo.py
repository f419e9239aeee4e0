"""oslo.messaging as the services of OpenStack use it: a listener, and a notifier.

`python -m tests.system.oslo listen URL TOPIC EXCHANGE FILE` writes what it hears to a file.
`python -m tests.system.oslo notify URL TOPIC EXCHANGE` publishes the lines of its standard
input, each an object with publisher_id, event_type, payload and perhaps priority and message_id,
and says `sent N` for each. Nothing of Faultwire is in these processes.
"""

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tests.system.children import Child, environment
from tests.system.waiting import wait_for


class Listener:
    """A process that listens by an unmodified oslo.messaging."""

    def __init__(
        self, folder: Path, url: str, exchange: str = "faultwire", topic: str = "notifications"
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "heard"
        self._child = Child(
            folder / "listener.log", "-m", __name__, "listen", url, topic, exchange, self._file,
            command=(sys.executable,),
        )  # fmt: skip
        self._child.line("listening on ")

    @property
    def heard(self) -> list[dict[str, Any]]:
        """What it heard so far: publisher_id, event_type, payload, message_id, traceparent."""
        lines = self._file.read_bytes().splitlines() if self._file.exists() else []
        return [json.loads(line) for line in lines]

    def wait(self, event_type: str, count: int = 1) -> list[dict[str, Any]]:
        """Return the notifications of a type once so many different ones were heard."""

        def found() -> list[dict[str, Any]] | None:
            these = {one["message_id"]: one for one in self.heard}
            kept = [one for one in these.values() if one["event_type"] == event_type]
            return kept if len(kept) >= count else None

        return wait_for(found, f"{count} of {event_type}") or []

    def close(self) -> None:
        """End it."""
        self._child.kill()


class Notifier:
    """A process that publishes by an unmodified oslo.messaging."""

    def __init__(
        self, folder: Path, url: str, exchange: str = "nova", topic: str = "notifications"
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log = (folder / f"notifier-{exchange}.log").open("w+b")
        self._child = subprocess.Popen(
            [sys.executable, "-m", __name__, "notify", url, topic, exchange],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
            env=environment(), text=True,
        )  # fmt: skip

    def send(self, **message: Any) -> None:
        """Publish a notification and return when the broker has confirmed it."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(message) + "\n")
        self._child.stdin.flush()
        said = self._child.stdout.readline()
        if said != "sent\n":
            self._log.seek(0)
            raise AssertionError(f"{said!r}: {self._log.read()[-2000:]!r}")

    def close(self) -> None:
        """End it."""
        self._child.kill()
        self._child.communicate()
        self._log.close()


def _transport(url: str, exchange: str) -> Any:
    import oslo_messaging
    from oslo_config import cfg

    cfg.CONF([], project="service", default_config_files=[])
    oslo_messaging.set_transport_defaults(exchange)
    query = "rabbit_quorum_queue=true&amqp_durable_queues=true&kombu_reconnect_delay=0.1"
    return oslo_messaging.get_notification_transport(cfg.CONF, url=f"{url}?{query}")


def listen(url: str, topic: str, exchange: str, file: str) -> None:
    """Write what comes under a topic."""
    import oslo_messaging

    class Endpoint:
        def info(
            self,
            ctxt: dict[str, object],
            publisher_id: str,
            event_type: str,
            payload: object,
            metadata: dict[str, str],
        ) -> None:
            found = {"publisher_id": publisher_id, "event_type": event_type, "payload": payload}
            found["traceparent"] = ctxt.get("traceparent")
            with Path(file).open("a") as out:
                out.write(json.dumps(found | metadata) + "\n")

    transport = _transport(url, exchange)
    target = oslo_messaging.Target(topic=topic, exchange=exchange)
    server = oslo_messaging.get_notification_listener(transport, [target], [Endpoint()])
    server.start()
    print(f"listening on {topic}", flush=True)  # noqa: T201
    threading.Event().wait()


def notify(url: str, topic: str, exchange: str) -> None:
    """Publish the lines of the standard input."""
    transport = _transport(url, exchange)
    import oslo_messaging

    notifier = oslo_messaging.Notifier(transport, driver="messagingv2", topics=[topic])
    for line in sys.stdin:
        said = json.loads(line)
        priority = said.pop("priority", "info")
        to = notifier.prepare(publisher_id=said.pop("publisher_id"))
        getattr(to, priority)({}, said["event_type"], said["payload"])
        print("sent", flush=True)  # noqa: T201


def main() -> None:
    """Be a service, on threads as services are without eventlet."""
    from oslo_service import backend

    backend.init_backend(backend.BackendType.THREADING)
    {"listen": listen, "notify": notify}[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
