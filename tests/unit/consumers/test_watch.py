"""When a silent installation is told of, and when it is back."""

from faultwire.consumers.watch import Watch
from faultwire.domain.instants import Instant

S = 1_000_000_000
WELL = {"kind": "faultwire.beat", "name": "https://cloud:8779", "well": True}
UNWELL = {**WELL, "well": False, "reasons": ["the database: is away", 7]}


def _at(seconds: float, wall: float | None = None) -> Instant:
    return Instant(round((seconds if wall is None else wall) * S), round(seconds * S))


def _watch() -> Watch:
    return Watch(10 * S, _at(0))


def _told(watch: Watch) -> list[tuple[object, object]]:
    return [(news.body["current"], news.body["reason"]) for news in watch.news]


def test_beats_in_time_tell_nobody() -> None:
    """As long as each beat comes before the time is over, there is nothing to tell."""
    watch = _watch()
    for number in range(1, 9):
        watch.look(_at(number * 9 - 0.1))
        watch.beat(f"b{number}", WELL, _at(number * 9))
    assert not watch.news
    assert not watch.silent


def test_silence_is_told_once_and_the_return_once() -> None:
    """Two webhooks of one outage, in order, each with an id of its own."""
    watch = _watch()
    watch.beat("b1", WELL, _at(1))
    for second in range(2, 40):
        watch.look(_at(second))
    watch.beat("b2", WELL, _at(40))
    watch.beat("b3", WELL, _at(41))
    watch.look(_at(42))
    assert _told(watch) == [
        ("alarm", "https://cloud:8779: no beat for 10 s"),
        ("ok", "https://cloud:8779: it beats again, after 39 s"),
    ]
    assert watch.news[0].id != watch.news[1].id
    assert watch.news[0].body["alarm_id"] == watch.news[1].body["alarm_id"]


def test_one_that_never_beat_is_told_of() -> None:
    """The watcher was started, and nothing came: that is said too."""
    watch = _watch()
    watch.look(_at(10))
    assert _told(watch) == [("alarm", "the installation: no beat at all for 10 s")]
    assert watch.shown(_at(11))["last_beat_at"] is None


def test_a_beat_that_says_not_well_is_no_beat_and_its_reasons_are_told() -> None:
    """Whoever is called learns why the installation found itself unwell."""
    watch = _watch()
    watch.beat("b1", WELL, _at(1))
    watch.beat("b2", UNWELL, _at(8))
    assert watch.shown(_at(9))["reasons"] == ["the database: is away"]
    watch.look(_at(11))
    ((_, reason),) = _told(watch)
    assert str(reason).endswith("it says that it is not well: the database: is away")
    watch.beat("b3", WELL, _at(12))
    assert watch.shown(_at(12))["reasons"] == []
    assert not watch.silent


def test_a_repeated_beat_keeps_nothing_alive() -> None:
    """Who recorded a beat cannot play it again to hide a silence."""
    watch = _watch()
    for second in range(1, 12):
        watch.beat("b1", WELL, _at(second))
    watch.look(_at(11))
    assert watch.silent


def test_a_wall_clock_that_jumps_tells_nothing() -> None:
    """Silence is measured by the monotonic clock."""
    watch = _watch()
    watch.beat("b1", WELL, _at(1, wall=1))
    watch.look(_at(2, wall=9_999))
    watch.look(_at(3, wall=-5))
    assert not watch.news


def test_strange_beats_are_taken_as_they_are() -> None:
    """Names and reasons of any type and length neither break it nor fill its memory."""
    watch = _watch()
    watch.beat("b1", {"well": 1, "name": 5, "reasons": "x"}, _at(1))
    watch.beat("b2", {"well": "yes", "name": "n" * 9999, "reasons": ["r" * 9999] * 99}, _at(2))
    watch.look(_at(10))
    assert len(str(watch.news[0].body)) < 10_000
