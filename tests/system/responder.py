"""Hosts behind a tunnel of their own: they answer pings as they are told to.

Run as a program within a network namespace. It makes the interface ``hosts0``, says ``ready``,
and takes lines of JSON: ``{"cut": [...]}`` and ``{"answer": [...]}`` name addresses,
``{"loss": 0.05}`` a share of requests that are lost, ``{"delay_ms": 5}`` a delay of answers.
"""

import fcntl
import heapq
import ipaddress
import json
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
TUN_WITHOUT_HEADER = 0x1001
NAME = b"hosts0"


def answer_to(packet: bytes) -> tuple[bytes, bytes] | None:
    """Return the address that was asked and its answer; None for what is no echo request."""
    if packet[0] >> 4 == 4 and packet[9] == 1:
        begin, source, target, asks, gives = 4 * (packet[0] & 15), 12, 16, 8, 0
        size = 4
    elif packet[0] >> 4 == 6 and packet[6] == 58:
        begin, source, target, asks, gives = 40, 8, 24, 128, 129
        size = 16
    else:
        return None
    if packet[begin] != asks:
        return None
    made = bytearray(packet)
    made[source : source + size] = packet[target : target + size]
    made[target : target + size] = packet[source : source + size]
    made[begin] = gives
    (total,) = struct.unpack_from("!H", packet, begin + 2)
    total += (asks - gives) << 8 if asks > gives else 0xFFFF - ((gives - asks) << 8)
    total = (total & 0xFFFF) + (total >> 16)
    struct.pack_into("!H", made, begin + 2, total)
    return packet[target : target + size], bytes(made)


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main() -> None:
    """Answer until the standard input ends."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", NAME, TUN_WITHOUT_HEADER))
    _say("ready")
    silent: set[bytes] = set()
    loss, delay, waiting = 0.0, 0.0, []
    chance = random.Random(7)
    number = 0
    while True:
        now = time.monotonic()
        pause = max(0.0, waiting[0][0] - now) if waiting else None
        ready, _, _ = select.select([tun, sys.stdin], [], [], pause)
        if sys.stdin in ready:
            line = sys.stdin.readline()
            if not line:
                return
            told = json.loads(line)
            silent |= {ipaddress.ip_address(one).packed for one in told.get("cut", ())}
            silent -= {ipaddress.ip_address(one).packed for one in told.get("answer", ())}
            loss, delay = told.get("loss", loss), told.get("delay_ms", 1000 * delay) / 1000
            _say("done")
        while tun in ready:
            try:
                packet = os.read(tun, 2048)
            except BlockingIOError:
                break
            found = answer_to(packet)
            if found and found[0] not in silent and chance.random() >= loss:
                number += 1
                heapq.heappush(waiting, (time.monotonic() + delay, number, found[1]))
        while waiting and waiting[0][0] <= time.monotonic():
            os.write(tun, heapq.heappop(waiting)[2])


if __name__ == "__main__":
    main()
