"""Fixed runs: the seed's picture, a run of ours, a limited one, and one whose clocks disagree."""

from faultwire_profiler import UPPER_BOUND, Instant, Mark

WALL = 1_800_000_000_000_000_000
MONO = 5_000_000_000
SEED_MS = (0, 50, 90, 130, 170, 220, 290, 330, 370, 410, 450)
LIMITED = ("T01", "T03", "T04", "T09")


def at(ms: float, *, mono: bool = True) -> Instant:
    """Return an instant, with or without its monotonic reading."""
    ns = round(ms * 1_000_000)
    return Instant(WALL + ns, MONO + ns if mono else None)


def one(point: str, ms: float, *, mono: bool = True) -> Mark:
    """Return the mark of a checkpoint that was passed once."""
    return Mark(point, at(ms, mono=mono), at(ms, mono=mono))


def seed_run() -> list[Mark]:
    """Return the run that the seed draws."""
    return [one(f"T{number:02}", ms) for number, ms in enumerate(SEED_MS)]


def limited_run() -> list[Mark]:
    """Return what a first version knows of the same run: some checkpoints only."""
    return [mark for mark in seed_run() if mark.point in LIMITED]


def own_run() -> list[Mark]:
    """Return a run of the server: alarms are evaluated before the one commit, ten in parallel."""
    return [
        one("T00", 0),
        one("T01", 205.3),
        one("T02", 205.9),
        Mark("T06", at(206), at(207.2), 10),
        Mark("T07", at(207.9), at(207.9), 10),
        one("T03", 212.3),
        Mark("T04", at(212.3), at(212.3), 10),
        Mark("T05", at(212.3), at(212.3), 10),
        Mark("T08", at(213), at(217.5), 10),
        Mark("T09", at(218, mono=False), at(234, mono=False), 8, "consumer"),
        Mark("T09", at(230), at(236), 2, UPPER_BOUND),
        Mark("T10", at(219, mono=False), at(235, mono=False), 8, "consumer"),
    ]


def disagreeing_run() -> list[Mark]:
    """Return a run whose consumer's clock is two seconds behind."""
    late = [at(410 - 2000, mono=False), at(450 - 2000, mono=False)]
    return [
        *seed_run()[:9],
        Mark(
            "T09", late[0], late[0], 1, "consumer", note="offset of the clock [b]unknown[/b]\x1b"
        ),
        Mark("T10", late[1], late[1], 1, "consumer"),
    ]
