"""Private BMCs: the sushy-tools emulator with its fake driver, on a free port of 127.0.0.1."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import requests

from tests.databases.servers import free_port
from tests.system.served import call
from tests.system.waiting import wait_for

USER, PASSWORD = "operator", "s3cret-of-the-bmc"

_SERVE = """
import sys
from sushy_tools.emulator.resources.systems import fakedriver
delay = float(sys.argv.pop(1))
class Timing:
    @staticmethod
    def randint(low, high):
        return delay
fakedriver.random = Timing
from sushy_tools.emulator.main import main
main()
"""
"""The emulator as it is shipped, but for how long it takes to switch: that is drawn there."""


class Emulator:
    """Several systems behind one address; `delay` is how long each takes to be off or on."""

    def __init__(
        self,
        folder: Path,
        systems: Sequence[str] = ("1",),
        *,
        delay: float = 0.0,
        power: str = "On",
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._delay = delay
        self._verify: bool | str = str(tls[0]) if tls else False
        self.port = free_port()
        self._scheme = "https" if tls else "http"
        self.url = f"{self._scheme}://127.0.0.1:{self.port}"
        users = folder / "users"
        import bcrypt

        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        users.write_text(f"{USER}:{hashed}\n")
        nics = [{"mac": "00:5c:52:31:3a:9c", "ip": "172.22.0.100"}]
        rows = [
            {"uuid": name, "name": f"system-{name}", "power_state": power, "nics": nics}
            for name in systems
        ]
        lines = [
            "SUSHY_EMULATOR_FAKE_DRIVER = True",
            f"SUSHY_EMULATOR_FAKE_SYSTEMS = {rows!r}",
            f"SUSHY_EMULATOR_AUTH_FILE = {str(users)!r}",
            f"SUSHY_EMULATOR_STATE_DIR = {str(folder)!r}",
            "SUSHY_EMULATOR_LISTEN_IP = '127.0.0.1'",
            f"SUSHY_EMULATOR_LISTEN_PORT = {self.port}",
        ]
        if tls:
            lines += [
                f"SUSHY_EMULATOR_SSL_{k} = {str(v)!r}"
                for k, v in zip(("CERT", "KEY"), tls, strict=True)
            ]
        self._config = folder / "emulator.conf"
        self._config.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Emulator":
        """Start and return once it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL", "--"),
                    *(sys.executable, "-c", _SERVE, str(self._delay)),
                    f"--config={self._config}",
                ],
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )
        wait_for(self._ready, "the emulator answers")
        return self

    def _ready(self) -> bool:
        try:
            return call(f"{self.url}/redfish/v1/", timeout=2, verify=self._verify).status == 200
        except requests.RequestException:
            return False

    def power(self, system: str = "1") -> str:
        """Return the power state of a system, as it says itself."""
        path = f"{self.url}/redfish/v1/Systems/{system}"
        answer = call(path, auth=(USER, PASSWORD), verify=self._verify)
        assert answer.status == 200, answer.text
        return str(answer.json["PowerState"])

    def switch(self, kind: str, system: str = "1") -> None:
        """Have a system switched, as an operator at its console does."""
        path = f"{self.url}/redfish/v1/Systems/{system}/Actions/ComputerSystem.Reset"
        answer = call(
            path, "POST", auth=(USER, PASSWORD), json={"ResetType": kind}, verify=self._verify
        )
        assert answer.status < 300, answer.text

    def bmc(self, system: str = "1", password: str = PASSWORD) -> dict[str, str]:
        """Return the part of an inventory document that names a system."""
        return {"url": self.url, "username": USER, "password": password, "system": system}

    def log(self) -> str:
        """Return what it logged."""
        return (self._folder / "log").read_text(errors="replace")

    def resets(self) -> int:
        """Return how often a reset was asked for."""
        return self.log().count("Actions/ComputerSystem.Reset HTTP")

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
