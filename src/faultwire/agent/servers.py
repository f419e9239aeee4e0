"""The list of servers that run on the host, kept in a file by whoever starts them."""

from pathlib import Path

import orjson

from faultwire.domain.errors import Invalid

Stamp = tuple[int, int, int]
"""What tells one writing of the file from another: inode, size, time of change."""


def stamp(path: Path) -> Stamp:
    """Return the file's stamp; raises Invalid where there is no such file."""
    try:
        found = path.stat()
    except OSError as error:
        raise Invalid(str(path), error.strerror or str(error)) from None
    return found.st_ino, found.st_size, found.st_mtime_ns


def read(path: Path) -> frozenset[str]:
    """Return the ids in a file: a JSON list, or one a line; raises Invalid.

    Empty lines and lines that start with # are passed over.
    """
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Invalid(str(path), error.strerror or str(error)) from None
    except UnicodeDecodeError:
        raise Invalid(str(path), "is not UTF-8 text") from None
    if text.startswith(("[", "{")):
        return _from_json(path, text)
    lines = (line.strip() for line in text.splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#"))


def _from_json(path: Path, text: str) -> frozenset[str]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid(str(path), f"malformed JSON: {error}") from None
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise Invalid(str(path), "must be a list of server ids, as text")
    return frozenset(value)
