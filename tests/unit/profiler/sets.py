"""Fixed sets of runs: what a deployment that keeps the law measured, and one that does not."""

from dataclasses import replace

from faultwire_profiler import Mark, Profile, profile
from faultwire_profiler.evidence import Evidence, Kind, Origin, Sighting
from faultwire_profiler.merging import Merged, merge
from tests.unit.profiler.runs import SEED_MS, disagreeing_run, limited_run, one, seed_run

ORIGIN = Origin(Kind.TRACE, "server")


def run(scale: float = 1.0, *, slow: float = 0.0, start: float = 0.0) -> list[Mark]:
    """Return the seed's run, stretched; `slow` milliseconds more for the servers' states."""
    return [
        one(f"T{number:02}", start + ms * scale + (slow if number >= 4 else 0))
        for number, ms in enumerate(SEED_MS)
    ]


def told(marks: list[Mark], fault: str, host: str = "compute-1") -> list[Sighting]:
    """Return sightings by trace points."""
    return [Sighting(mark, ORIGIN, fault, host) for mark in marks]


def gathered(*runs: list[Sighting]) -> Evidence:
    """Return evidence of sightings."""
    evidence = Evidence()
    for sightings in runs:
        for sighting in sightings:
            evidence.add(sighting)
    return evidence


def many() -> Merged:
    """Return six runs: growing with the servers, one that missed the law, one known in part."""
    evidence = gathered(
        *(
            told(run(scale, start=10_000.0 * n), f"f{n}")
            for n, scale in enumerate((1, 1.5, 2, 2.5))
        ),
        told(run(1.0, slow=900, start=50_000), "f4", "compute-2"),
        told(limited_run(), "f5", "compute-3"),
    )
    evidence.servers.update({"f0": 1, "f1": 10, "f2": 25, "f3": 50, "f4": 1, "f5": 1})
    evidence.problems.append("old.log.gz ends too early or is damaged: <cut> \x1b[31m")
    return merge(evidence)


def single() -> Merged:
    """Return the seed's run, with a log that differs from it and a clock of unknown offset."""
    evidence = gathered(told(seed_run(), "f0"))
    log = Origin(Kind.LOG, "nova-api.log", "", 1_000_000)
    late = one("T03", 140)
    evidence.add(Sighting(replace(late, source="nova-api.log"), log, "f0", "compute-1"))
    return merge(evidence)


def doubtful() -> Merged:
    """Return a run whose clocks disagree."""
    return merge(gathered(told(disagreeing_run(), "<b>f</b>")))


def nobody() -> Merged:
    """Return no run at all."""
    return merge(Evidence())


def good() -> list[Profile]:
    """Return five runs of a deployment that meets the law."""
    return [profile(run(1 + n / 20)) for n in range(5)]


def poor() -> list[Profile]:
    """Return five runs of one that does not: setting the servers' states takes long."""
    return [profile(run(1 + n / 20, slow=1500 + 10 * n)) for n in range(5)]
