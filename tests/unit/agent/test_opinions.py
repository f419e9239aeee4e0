"""What a monitor tells the server of hosts, and what it does not tell twice."""

from faultwire.agent.opinions import Opinions
from faultwire.domain.ids import HostName
from faultwire.domain.vantage import Ballot
from faultwire.liveness.suspicion import State

ONE, TWO = HostName("h1"), HostName("h2")


def _known() -> Opinions:
    made = Opinions()
    made.add((ONE, TWO))
    made.take(ONE, State.ALIVE, {})
    made.whole()
    return made


def test_the_whole_names_the_down_and_the_unknown() -> None:
    """A survey is a message of exceptions: what it does not name is alive."""
    made = Opinions()
    made.add((ONE, TWO))
    made.take(ONE, State.ALIVE, {})
    assert made.whole() == Ballot({}, (), (TWO,))
    made.take(ONE, State.DEAD_FROM_HERE, {"silent_ms": 60})
    assert made.whole() == Ballot({ONE: {"silent_ms": 60}}, (), (TWO,))


def test_a_suspicion_is_no_opinion() -> None:
    """A suspect is what it was until it is settled."""
    made = _known()
    assert not made.take(ONE, State.SUSPECT, {})
    assert not made.news
    assert made.take(ONE, State.DEAD_FROM_HERE, {})
    assert not made.take(ONE, State.DEAD, {})
    assert made.since() == Ballot({ONE: {}}, (), ())
    assert not made.news


def test_what_changed_twice_is_told_as_it_is() -> None:
    """Down and alive again before it was told: alive."""
    made = _known()
    made.take(ONE, State.DEAD_FROM_HERE, {})
    made.take(ONE, State.ALIVE, {})
    made.take(TWO, State.ALIVE, {})
    made.take(TWO, State.UNKNOWN, {})
    assert made.since() == Ballot({}, (ONE,), (TWO,))


def test_hosts_that_are_new_are_unknown_and_those_that_left_are_nothing() -> None:
    """The server learns of a new host that nobody heard it yet."""
    made = _known()
    new = HostName("h3")
    made.add((new,))
    assert made.since() == Ballot({}, (), (new,))
    made.leave((new, ONE))
    assert not made.take(ONE, State.DEAD_FROM_HERE, {})
    assert made.hosts() == {TWO}


def test_a_doubt_takes_a_vote_back() -> None:
    """After the server's doubt a verdict counts as news again."""
    made = _known()
    made.take(ONE, State.DEAD_FROM_HERE, {})
    made.since()
    made.doubt((ONE,))
    assert made.take(ONE, State.DEAD_FROM_HERE, {})
