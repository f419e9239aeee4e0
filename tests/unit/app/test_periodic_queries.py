"""Alarms on Prometheus: what is asked, and a server that hangs, refuses or is away (D18)."""

import asyncio

import pytest

from faultwire.app.asking import FAILURES
from faultwire.app.looks import PROMETHEUS
from faultwire.domain.commands import Command
from faultwire.domain.errors import Refused, Unavailable
from faultwire.domain.ids import ADMINISTRATORS, AlarmId
from faultwire.domain.rules import (
    CompositeRule,
    Joint,
    PrometheusRule,
)
from tests.unit.app.periodic_world import (
    ALARM,
    CPU,
    LOAD,
    OK,
    UNKNOWN,
    Q,
    World,
    alarm,
    answering,
    away,
)

# ---------------------------------------------------------------- Prometheus


async def test_a_query_is_narrowed_to_its_project() -> None:
    """What is sent names the project in every selector; administrators' goes as it is."""
    world = World(answering(9.0))
    world.save(alarm(rule=LOAD), alarm("all", LOAD, ADMINISTRATORS))
    await world.look(PROMETHEUS)
    assert sorted(world.asked) == ["load", 'load {project="p"}']
    assert (world.state(), world.state("all")) == (ALARM, ALARM)


async def test_no_series_is_insufficient_data() -> None:
    """An empty vector is no data, from the first look."""
    world = World(answering())
    world.save(alarm(rule=LOAD, state=OK))
    await world.look(PROMETHEUS)
    assert world.state() is UNKNOWN


async def test_a_server_that_is_away_moves_alarms_at_the_third_look() -> None:
    """A restart of the server moves nothing; one that stays away leaves nothing known."""
    world = World(away)
    world.save(alarm(rule=LOAD, state=OK))
    for _ in range(FAILURES - 1):
        await world.look(PROMETHEUS)
        assert world.state() is OK
    await world.look(PROMETHEUS)
    assert world.state() is UNKNOWN
    assert world.counted(PROMETHEUS, "unanswered") == FAILURES
    world.answers = answering(1.0)
    await world.look(PROMETHEUS)
    assert world.state() is OK


async def test_an_answer_in_between_starts_the_count_anew() -> None:
    """Failures count only in a row."""
    world = World(away)
    world.save(alarm(rule=LOAD, state=OK))
    for _ in range(3):
        world.answers = away
        for _ in range(FAILURES - 1):
            await world.look(PROMETHEUS)
        world.answers = answering(1.0)
        await world.look(PROMETHEUS)
    assert world.state() is OK
    assert world.commands == []


async def test_a_query_that_the_server_refuses_says_what_kind_of_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The owner reads the kind, the operator once in the log what was said; others go on."""
    caplog.set_level("INFO")

    async def answer(query: str) -> tuple[float, ...]:
        if "wrong" in query:
            raise Refused("the Prometheus server does not take the query: bad", "at 10.0.0.7")
        return (9.0,)

    world = World(answer)
    wrong = PrometheusRule("wrong", 1.0)
    world.save(alarm("w", wrong, state=OK), alarm(rule=LOAD))
    await world.look(PROMETHEUS)
    assert (world.state("w"), world.state()) == (UNKNOWN, ALARM)
    found = world.product.indexes.alarms.get(AlarmId("w"))
    assert found is not None
    assert found.state_reason == "the Prometheus server does not take the query: bad"
    await world.look(PROMETHEUS)
    assert [line for line in caplog.messages if "10.0.0.7" in line] == [
        "the query of alarm w cannot be evaluated: at 10.0.0.7"
    ]


async def test_one_query_that_hangs_delays_no_other() -> None:
    """Others are asked and moved while it hangs; at its deadline the round goes on without it."""
    hanging = asyncio.Event()
    moved = asyncio.Event()

    async def answer(query: str) -> tuple[float, ...]:
        if "hang" in query:
            hanging.set()
            await asyncio.Event().wait()
        return (9.0,)

    world = World(answer, deadline_s=0.5)
    world.save(alarm("h", PrometheusRule("hang", 1.0)), *(alarm(f"a{n}", LOAD) for n in range(50)))
    submit = world.submit

    async def noting(command: Command) -> object:
        answer = await submit(command)
        if all(world.state(f"a{n}") is ALARM for n in range(50)):
            moved.set()
        return answer

    world.submit = noting  # type: ignore[method-assign]
    round_ = asyncio.create_task(world.look(PROMETHEUS))
    await hanging.wait()
    await moved.wait()
    await round_
    assert world.state("h") is UNKNOWN
    assert world.counted(PROMETHEUS, "unanswered") == 1


async def test_a_server_that_hangs_is_not_asked_for_every_alarm() -> None:
    """After some in a row without an answer the rest of the round is not asked."""
    world = World(away)
    world.save(*(alarm(f"a{n}", LOAD) for n in range(50)))
    await world.look(PROMETHEUS)
    assert len(world.asked) <= 3 * world.queries
    assert world.counted(PROMETHEUS, "unanswered") == 50


async def test_composite_alarms_ask_both_sources() -> None:
    """Samples and Prometheus in one tree; one answer decides an `or`, both an `and`."""
    world = World(answering(1.0))
    for name, joint in (("or", Joint.OR), ("and", Joint.AND)):
        world.save(alarm(name, CompositeRule(joint, (CPU, LOAD))))
    world.sample(95)
    await world.look()
    assert world.asked == []
    await world.look(PROMETHEUS)
    assert (world.state("or"), world.state("and")) == (ALARM, OK)


async def test_samples_are_not_behind_a_prometheus_that_hangs() -> None:
    """Each kind has its loop: the round over samples ends while a query hangs."""
    hanging = asyncio.Event()

    async def answer(query: str) -> tuple[float, ...]:
        hanging.set()
        await asyncio.Event().wait()
        return ()

    world = World(answer)
    world.save(alarm(), alarm("load", LOAD))
    world.sample(95)
    asking = asyncio.create_task(world.look(PROMETHEUS))
    await hanging.wait()
    await world.look()
    assert world.state() is ALARM
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_one_projects_slow_queries_do_not_make_the_round_late_for_others() -> None:
    """It has a part of the queries; after two without an answer the rest keeps its state."""
    world = World(away, queries=4, deadline_s=60.0)
    slow, most = asyncio.Event(), 0
    under_way = answered = 0

    async def answer(query: str) -> tuple[float, ...]:
        nonlocal under_way, most, answered
        if Q not in query.split('"'):
            answered += 1
            if answered == 20:
                slow.set()
            return (9.0,)
        under_way += 1
        most = max(most, under_way)
        await slow.wait()
        under_way -= 1
        raise Unavailable("the Prometheus server cannot be asked", "no answer in time")

    world.answers = answer
    world.save(
        *(alarm(f"q{n}", LOAD, Q, state=OK) for n in range(20)),
        *(alarm(f"p{n}", LOAD) for n in range(20)),
    )
    await world.look(PROMETHEUS)
    assert {world.state(f"p{n}") for n in range(20)} == {ALARM}
    assert {world.state(f"q{n}") for n in range(20)} == {OK}
    assert most == 2
    assert world.counted(PROMETHEUS, "unanswered") == 3
    assert world.counted(PROMETHEUS, "skipped") == 17


async def test_who_was_passed_over_comes_first_in_the_next_round() -> None:
    """Two queries that always hang keep none of their project's others from being asked."""

    async def answer(query: str) -> tuple[float, ...]:
        if "hangs" in query:
            raise Unavailable("the Prometheus server cannot be asked", "no answer in time")
        return (9.0,)

    world = World(answer)
    world.save(
        *(alarm(f"h{n}", PrometheusRule("hangs", 1.0)) for n in range(2)),
        *(alarm(f"a{n}", LOAD) for n in range(5)),
        alarm("q", LOAD, Q),
    )
    await world.look(PROMETHEUS)
    assert [world.state(f"a{n}") for n in range(5)] == [UNKNOWN] * 5
    await world.look(PROMETHEUS)
    assert [world.state(f"a{n}") for n in range(5)] == [ALARM] * 5
