"""Files of any source as evidence: what a file is, its content says."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faultwire_profiler.blocks import blocks, set_name
from faultwire_profiler.documents import read_document
from faultwire_profiler.evidence import Evidence
from faultwire_profiler.logs import Collector
from faultwire_profiler.rules import Log
from faultwire_profiler.spans import is_spans, read_spans

LARGEST_JSON = 256 << 20
"""A JSON file is read whole; of a larger one, unpacked, nothing is read."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file, and the machine whose clock it is by where one was named."""

    path: Path
    clock: str = ""


def read(sources: Iterable[Source], *layers: tuple[Log, ...]) -> Evidence:
    """Return what files tell together: logs by rules, OTLP spans, and plain JSON.

    What is wrong with a file is a problem of the evidence, and the others are read. Raises
    OSError where a file cannot be opened.
    """
    collector = Collector(*layers)
    evidence = collector.evidence
    batches: dict[str, list[Any]] = {}
    for source in dict.fromkeys(sources):
        documents = _documents(source.path, evidence)
        feed = set_name(source.path)
        if documents is None:
            told = blocks(source.path, evidence.problems.append)
            collector.take(feed, told, source.clock)
            continue
        spans = [one for one in documents if is_spans(one)]
        batches.setdefault(feed, []).extend(spans)
        others = [one for one in documents if not is_spans(one)]
        document = others[0] if len(others) == 1 else others
        why = _taken(evidence, document, source.path.name)
        if why and collector.takes(feed):
            # A log may well be written as JSON, a document a line.
            told = blocks(source.path, evidence.problems.append)
            collector.take(feed, told, source.clock)
        elif why:
            evidence.problems.append(f"{source.path.name}: {why}")
    for feed, spans in batches.items():
        # A client's span and the server's below it may be in two files of one set.
        try:
            evidence.merge(read_spans(spans, feed))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            evidence.problems.append(f"{feed}: no OTLP spans: {error!r}")
    return collector.finish()


def _taken(evidence: Evidence, document: object, name: str) -> str:
    """Add what a document tells; return why it tells nothing."""
    if document == []:
        return ""
    try:
        evidence.merge(read_document(document, name))
    except (ValueError, RecursionError) as error:
        return str(error)
    return ""


def _documents(path: Path, evidence: Evidence) -> list[Any] | None:
    """Return the JSON documents of a file, one or one a line; None where it is a log."""
    whole = bytearray()
    pieces = blocks(path, evidence.problems.append)
    for piece in pieces:
        if not whole and piece.lstrip(b" \t\r\n\xef\xbb\xbf")[:1] not in {b"{", b"["}:
            return None
        whole += piece
        if len(whole) > LARGEST_JSON:
            evidence.problems.append(f"{path.name}: too large for a JSON file")
            return []
    if not whole:
        return []
    text = whole.decode("utf-8-sig", "replace")
    try:
        return [json.loads(text)]
    except (ValueError, RecursionError):
        pass
    try:
        return list(_by_line(text))
    except (ValueError, RecursionError):
        return None


def _by_line(text: str) -> Iterator[Any]:
    for line in text.splitlines():
        if line.strip():
            yield json.loads(line)
