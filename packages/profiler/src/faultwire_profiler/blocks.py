"""Files as blocks of whole lines: plain or gzip, cut off or not, UTF-8, UTF-16 or neither.

A block is at most a few megabytes, whatever the size of the file or of a line.
"""

import codecs
import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

BLOCK_BYTES = 1 << 20
LONGEST_LINE = 1 << 20
"""Of a longer line the end alone is looked at."""

_GZIP = b"\x1f\x8b"
_MARKS: tuple[tuple[bytes, str | None], ...] = (
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, None),
)
_ROTATED = re.compile(r"(?:[.-]\d{1,8}|\.gz|\.old)+$")

Tell = Callable[[str], None]
"""Takes a sentence on what was wrong with a file."""


def set_name(path: Path) -> str:
    """Return the name of the set that a rotated file belongs to: ``api.log.2.gz`` is api.log."""
    return _ROTATED.sub("", path.name) or path.name


def blocks(path: Path, tell: Tell) -> Iterator[bytes]:
    """Return a file's lines in blocks, each of which ends where a line does.

    What cannot be read to its end is read as far as it goes, and `tell` hears why. Raises
    OSError where the file cannot be opened.
    """
    with path.open("rb") as plain:
        start = plain.read(2)
        plain.seek(0)
        if start != _GZIP:
            yield from _lines(plain)
            return
        with gzip.GzipFile(fileobj=plain) as unpacked:
            try:
                # GzipFile is a BinaryIO in all but its declared type.
                yield from _lines(unpacked)  # type: ignore[arg-type]
            except (EOFError, OSError, zlib.error) as error:
                tell(f"{path.name} ends too early or is damaged: {error}")


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    rest = b""
    for piece in _decoded(stream):
        whole = rest + piece
        end = whole.rfind(b"\n") + 1
        if end:
            yield whole[:end]
        rest = whole[end:][-LONGEST_LINE:]
    if rest:
        yield rest


def _decoded(stream: BinaryIO) -> Iterator[bytes]:
    """Return the bytes as they are, or as UTF-8 where the file says that it is UTF-16."""
    piece = _read(stream)
    mark, form = next((one for one in _MARKS if piece.startswith(one[0])), (b"", None))
    # The mark is no part of the first line, whose time may have to stand at its beginning.
    piece = piece[len(mark) :]
    if form is None:
        while piece:
            yield piece
            piece = _read(stream)
        return
    decoder = codecs.getincrementaldecoder(form)("replace")
    while piece:
        yield decoder.decode(piece).encode("utf-8", "replace")
        piece = _read(stream)


def _read(stream: BinaryIO) -> bytes:
    return stream.read(BLOCK_BYTES)
