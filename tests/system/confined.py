"""A command that may call the system as its unit lets it: `python confined.py UNIT COMMAND...`.

What `SystemCallFilter=` of the unit leaves is put into force by the library that systemd itself
uses, in this process, which then becomes the command. What is not allowed fails with EPERM.
"""

import ctypes
import errno
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

LIBRARY = "libseccomp.so.2"
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
ALWAYS = "@default"
"""What systemd allows with every list."""


def groups_of(printed: str) -> dict[str, list[str]]:
    """Return the members of each group that `systemd-analyze syscall-filter` printed."""
    groups: dict[str, list[str]] = {}
    for line in printed.splitlines():
        word = line.strip()
        if line.startswith("@"):
            groups[word] = []
        elif line.startswith(" ") and word and not word.startswith("#") and groups:
            groups[next(reversed(groups))].append(word)
    return groups


def calls_of(words: Iterable[str], groups: Mapping[str, list[str]]) -> set[str]:
    """Return the calls that words of a filter name, groups within groups included."""
    found: set[str] = set()
    for word in words:
        found |= calls_of(groups[word], groups) if word.startswith("@") else {word}
    return found


def allowed(unit: Path, groups: Mapping[str, list[str]]) -> set[str]:
    """Return the calls that a unit leaves: a list that allows, then lists that take away."""
    left = calls_of([ALWAYS], groups)
    for line in unit.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        if name == "SystemCallFilter":
            takes_away = value.startswith("~")
            named = calls_of(value.removeprefix("~").split(), groups)
            left = left - named if takes_away else left | named
    return left


def confine(calls: Iterable[str]) -> None:
    """Refuse every other call of this process and its children from now on."""
    library = ctypes.CDLL(LIBRARY)
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(REFUSE)))
    for name in calls:
        number = library.seccomp_syscall_resolve_name(name.encode())
        # Calls of other architectures have negative numbers here.
        if number >= 0:
            library.seccomp_rule_add(context, ctypes.c_uint32(ALLOW), ctypes.c_int(number), 0)
    status = library.seccomp_load(context)
    if status:
        raise OSError(-status, "the filter is not in force")


def main(unit: str, *command: str) -> None:
    """Become the command."""
    printed = subprocess.run(
        ["systemd-analyze", "syscall-filter"], capture_output=True, text=True, check=True
    )
    confine(allowed(Path(unit), groups_of(printed.stdout)))
    os.execv(command[0], command)  # noqa: S606  that is its purpose


if __name__ == "__main__":
    main(*sys.argv[1:])
