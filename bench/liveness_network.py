"""Networks that the liveness bench makes in namespaces of its own, and takes away; root only."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator

DELAY_US = 500


@contextlib.contextmanager
def network(binary: str, every: int) -> Iterator[tuple[list[str], subprocess.Popen[str]]]:
    """Give a command that runs others in a namespace, and the hosts that answer there."""
    name = f"fw-bench-{os.getpid()}"
    within = ["ip", "netns", "exec", name]
    subprocess.run(["ip", "netns", "add", name], check=True)
    hosts = subprocess.Popen(
        [*within, binary, "hosts", str(DELAY_US), str(every)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert hosts.stdout is not None
        assert hosts.stdout.readline() == "ready\n"
        for words in (
            "link set lo up",
            "link set hosts0 up txqueuelen 20000",
            "address add 198.18.0.1/32 dev hosts0",
            "route add 198.19.0.0/16 dev hosts0",
        ):
            subprocess.run(["ip", "-n", name, *words.split()], check=True)
        subprocess.run(
            [*within, "sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647"], check=True
        )
        yield within, hosts
    finally:
        hosts.kill()
        hosts.wait()
        subprocess.run(["ip", "netns", "del", name], check=True)


@contextlib.contextmanager
def kernels() -> Iterator[tuple[list[str], list[str], subprocess.Popen[str]]]:
    """Give commands that run others in two namespaces, and what takes routes of the second one.

    There the kernel answers for every address of 198.19.0.0/16, as a host's kernel does; what it
    is told to blackhole is cut.
    """
    near, far = (f"fw-bench-{os.getpid()}-{side}" for side in ("near", "far"))
    for name in (near, far):
        subprocess.run(["ip", "netns", "add", name], check=True)
    routes = None
    try:
        for words in (
            f"link add near0 netns {near} type veth peer name far0 netns {far}",
            f"-n {near} address add 198.18.0.1/30 dev near0",
            f"-n {far} address add 198.18.0.2/30 dev far0",
            f"-n {near} link set near0 up",
            f"-n {far} link set far0 up",
            f"-n {far} link set lo up",
            f"-n {near} route add 198.19.0.0/16 via 198.18.0.2",
            f"-n {far} route add local 198.19.0.0/16 dev lo",
        ):
            subprocess.run(["ip", *words.split()], check=True)
        routes = subprocess.Popen(
            ["ip", "-n", far, "-batch", "-"], stdin=subprocess.PIPE, text=True
        )
        # What cuts must not itself be late on the busy machine.
        os.sched_setscheduler(routes.pid, os.SCHED_FIFO, os.sched_param(30))
        yield ["ip", "netns", "exec", near], ["ip", "netns", "exec", far], routes
    finally:
        if routes is not None:
            routes.kill()
            routes.wait()
        for name in (near, far):
            subprocess.run(["ip", "netns", "del", name], check=True)


def route(routes: subprocess.Popen[str], words: str) -> float:
    """Change a route; return the time just before."""
    assert routes.stdin is not None
    at = time.monotonic()
    routes.stdin.write(f"route {words}\n")
    routes.stdin.flush()
    return at
