"""The credential file: what binds an agent to one host and to one server."""

import contextlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from faultwire.domain.errors import Invalid

AGENT = "agent"
GUEST = "guest"


@dataclass(frozen=True, slots=True)
class BoundCredential:
    """A secret bound to one name; `server` is the URL of the fault face.

    `certificate` is the PEM that the server's certificate is checked against; None: the trust
    store of the machine.
    """

    kind: str
    name: str
    id: str
    secret: str = field(repr=False)
    server: str
    certificate: str | None = None

    @property
    def header(self) -> str:
        """The value of ``X-Faultwire-Credential``."""
        return f"{self.kind}/{self.name}:{self.secret}"


def load(path: Path, kind: str, name: str) -> BoundCredential:
    """Return the credential in a file; raises Invalid unless it is of that kind and name."""
    try:
        value = orjson.loads(path.read_bytes())
    except OSError as error:
        raise Invalid(str(path), error.strerror or str(error)) from None
    except orjson.JSONDecodeError as error:
        raise Invalid(str(path), f"malformed JSON: {error}") from None
    if not isinstance(value, Mapping):
        raise Invalid(str(path), "must be a JSON object")
    texts = {key: _text(value, key, path) for key in ("kind", "name", "id", "secret", "server")}
    certificate = _text(value, "certificate", path) if value.get("certificate") else None
    if urlsplit(texts["server"]).scheme not in {"http", "https"}:
        raise Invalid(f"{path}: server", "must be an http or https URL")
    held = (texts["kind"], texts["name"])
    if held != (kind, name):
        raise Invalid(str(path), f"is bound to {held[0]} {held[1]}, not to {kind} {name}")
    return BoundCredential(**texts, certificate=certificate)


def _text(value: Mapping[str, object], key: str, path: Path) -> str:
    found = value.get(key)
    if not isinstance(found, str) or not found:
        raise Invalid(f"{path}: {key}", "must be text and not empty")
    return found


def write(path: Path, credential: BoundCredential) -> None:
    """Write a credential, readable by its owner alone (0600); all or nothing. Raises OSError."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(orjson.dumps(asdict(credential), option=orjson.OPT_INDENT_2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            Path(draft).unlink()
        raise
