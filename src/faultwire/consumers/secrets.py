"""The secrets a consumer trusts: given, or in a file that may change while it runs."""

import logging
from collections.abc import Sequence
from pathlib import Path

from faultwire.domain import signature
from faultwire.domain.errors import Invalid

log = logging.getLogger(__name__)

_Stamp = tuple[int, int, int]


class Secrets:
    """Secrets in Standard Webhooks form, given once and one a line in a file."""

    def __init__(self, given: Sequence[str] = (), file: Path | None = None) -> None:
        """Raise Invalid, naming the source, for a malformed secret or a file that is not there."""
        for secret in given:
            signature.key_of(secret)
        self._given = tuple(given)
        self._file = file
        self._stamp: _Stamp | None = None
        self._from_file: tuple[str, ...] = ()
        if file is not None:
            try:
                self._stamp = _stamp(file)
                self._from_file = _read(file)
            except OSError as error:
                raise Invalid(str(file), error.strerror or "cannot be read") from None

    @property
    def required(self) -> bool:
        """Whether unsigned alarms are refused."""
        return bool(self._given) or self._file is not None

    def current(self) -> tuple[str, ...]:
        """Return what is valid now; a file that went wrong leaves the former secrets valid."""
        if self._file is not None:
            try:
                stamp = _stamp(self._file)
                if stamp != self._stamp:
                    self._stamp = stamp
                    self._from_file = _read(self._file)
            except (OSError, Invalid) as error:
                log.warning("the former secrets stay valid: %s", error)
        return self._given + self._from_file


def _stamp(file: Path) -> _Stamp:
    found = file.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(file: Path) -> tuple[str, ...]:
    try:
        lines = (line.strip() for line in file.read_text(encoding="ascii").splitlines())
        found = tuple(line for line in lines if line and not line.startswith("#"))
    except UnicodeDecodeError:
        raise Invalid(str(file), "holds no secrets, one a line") from None
    for number, secret in enumerate(found, 1):
        try:
            signature.key_of(secret)
        except Invalid as error:
            raise Invalid(f"{file}, secret {number}", error.reason) from None
    return found
