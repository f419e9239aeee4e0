"""A private Alertmanager, Debian's, on a free port of 127.0.0.1, ended with its test."""

import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import requests

from tests.databases.servers import free_port
from tests.system.served import call
from tests.system.waiting import wait_for

_CONFIG = """\
route:
  receiver: faultwire
  group_by: [{by}]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 2s
receivers:
  - name: faultwire
    webhook_configs:
      - url: {url}
        send_resolved: true
        max_alerts: 0
        http_config:
          authorization:
            type: Bearer
            credentials_file: {credential}
"""


class Alertmanager:
    """Sends what it is told of to one webhook."""

    def __init__(
        self,
        folder: Path,
        url: str,
        credential: Path,
        needs_package: Callable[..., str],
        by: str = "alertname",
    ) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._binary = needs_package("prometheus-alertmanager", "prometheus-alertmanager")
        (folder / "alertmanager.yml").write_text(
            _CONFIG.format(url=url, credential=credential, by=by)
        )
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Alertmanager":
        """Start and return once it is ready."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL", "--"),
                    self._binary,
                    f"--config.file={self._folder / 'alertmanager.yml'}",
                    f"--storage.path={self._folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--cluster.listen-address=",
                ],
                stdout=log,
                stderr=log,
            )
        wait_for(self._ready, "Alertmanager is ready")
        return self

    def _ready(self) -> bool:
        try:
            return call(f"{self.url}/-/ready", timeout=2).status == 200
        except requests.RequestException:
            return False

    def tell(self, alerts: Iterable[Mapping[str, str]], *, until: str | None = None) -> None:
        """Have alerts of these labels fire, or (`until`, RFC 3339) be over."""
        body = [
            {"labels": dict(labels), **({"endsAt": until} if until else {})} for labels in alerts
        ]
        answer = call(f"{self.url}/api/v2/alerts", "POST", json=body)
        assert answer.status == 200, answer.text

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
