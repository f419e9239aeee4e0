"""FRR's bfdd as a peer of the liveness bench: one session, 100 ms times 3, cut as hosts are."""

import grp
import pwd
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.liveness_network import route

BFDD = "/usr/lib/frr/bfdd"
NEAR, FAR = "198.18.0.1", "198.18.0.2"
CONFIG = """debug bfd peer
bfd
 peer {peer} local-address {own} multihop
  receive-interval 100
  transmit-interval 100
  detect-multiplier 3
  no shutdown
 !
!
"""


def bfd(near: list[str], far: list[str], routes: subprocess.Popen[str], cuts: int) -> list[float]:
    """Return the milliseconds from each cut to the session's end; none without bfdd.

    `near` and `far` run commands in namespaces, `routes` changes routes of the far one.
    """
    if not Path(BFDD).exists():
        return []
    # It gives up its rights, and its sockets are its own user's.
    folder = Path(tempfile.mkdtemp(prefix="faultwire-bfd-"))
    ended = [_start(folder / "far", far, FAR, NEAR), _start(folder / "near", near, NEAR, FAR)]
    try:
        return _cut(ended[1], routes, cuts)
    finally:
        for one in ended:
            one.kill()
            one.wait()
        shutil.rmtree(folder)


def _start(folder: Path, within: Sequence[str], own: str, peer: str) -> subprocess.Popen[str]:
    folder.mkdir()
    (folder / "bfdd.conf").write_text(CONFIG.format(own=own, peer=peer))
    user = pwd.getpwnam("frr")
    for one in (folder.parent, folder, folder / "bfdd.conf"):
        shutil.chown(one, user.pw_uid, grp.getgrnam("frrvty").gr_gid)
    files = {
        "-f": "bfdd.conf",
        "-i": "pid",
        "-z": "zserv",
        "--bfdctl": "control",
    }
    options = [word for name, file in files.items() for word in (name, str(folder / file))]
    options += [
        "--vty_socket",
        str(folder),
        "-A",
        "127.0.0.1",
        "-P",
        "0",
        "-u",
        "frr",
        "-g",
        "frr",
    ]
    return subprocess.Popen(
        [*within, BFDD, *options, "--log", "stdout", "--log-level", "debug"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _cut(session: subprocess.Popen[str], routes: subprocess.Popen[str], cuts: int) -> list[float]:
    chance = random.Random(cuts)
    _until(session, "-> up")
    times = []
    for _ in range(cuts):
        time.sleep(0.5 + chance.random() / 5)
        begun = route(routes, f"add blackhole {NEAR}/32")
        times.append(1000 * (_until(session, "-> down") - begun))
        route(routes, f"del blackhole {NEAR}/32")
        _until(session, "-> up")
    return times


def _until(session: subprocess.Popen[str], what: str) -> float:
    """Return when the session said that; RuntimeError where it ends."""
    assert session.stdout is not None
    for line in session.stdout:
        if what in line:
            return time.monotonic()
    raise RuntimeError("bfdd ended")
