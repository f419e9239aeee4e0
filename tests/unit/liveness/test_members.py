"""Who lives, and who works on which share: time is an argument, nobody's clock is compared."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from faultwire.domain.shares import ALL_SHARES, SHARES, Member, share_of
from faultwire.liveness.members import MemberWatch, wanted_shares, working

SILENCE = 3_000


def member(name: str, role: str = "serve", beats: int = 0) -> Member:
    return Member(name, role, f"host:{name}", "127.0.0.1:1", 0, beats)


def test_a_member_lives_while_its_beats_grow() -> None:
    """Silence is measured from the last change that this process saw, on its own clock."""
    watch = MemberWatch(SILENCE, 10_000)
    watch.observe([member("a", beats=5)], 1_000)
    watch.observe([member("a", beats=5)], 3_999)
    assert [one.id for one in watch.live(3_999)] == ["a"]
    assert watch.gone(3_999) == ()
    assert watch.live(4_000) == ()
    assert [one.id for one in watch.gone(4_000)] == ["a"]
    watch.observe([member("a", beats=6)], 4_100)
    assert [one.id for one in watch.live(7_000)] == ["a"]


def test_the_silence_of_each_member_is_known() -> None:
    """Everybody who is stored has the time since it was last seen to beat, the gone as well."""
    watch = MemberWatch(SILENCE, 10_000)
    watch.observe([member("b", beats=1), member("a", beats=1)], 1_000)
    watch.observe([member("b", beats=1), member("a", beats=2)], 2_000)
    assert [(one.id, silent) for one, silent in watch.silences(9_000)] == [
        ("a", 7_000),
        ("b", 8_000),
    ]


def test_a_member_that_left_is_forgotten() -> None:
    """Whoever took its leave is neither alive nor gone."""
    watch = MemberWatch(SILENCE, 10_000)
    watch.observe([member("a"), member("b")], 0)
    watch.observe([member("b")], 1)
    assert [one.id for one in watch.live(1)] == ["b"]
    watch.observe([], 2)
    assert watch.live(2) == watch.gone(9_999) == ()


def test_a_count_that_fell_is_a_sign_of_life_too() -> None:
    """A process that joined again begins to count anew."""
    watch = MemberWatch(SILENCE, 10_000)
    watch.observe([member("a", beats=500)], 0)
    watch.observe([member("a", beats=1)], 2_900)
    assert watch.live(5_000)


def test_servers_stand_in_for_workers_that_do_not_exist() -> None:
    """Evaluators and senders do the work of their role; without any, every server does."""
    servers = (member("s1"), member("s2"))
    assert working(servers, "evaluator") == servers
    workers = (*servers, member("e", "evaluator"))
    assert [one.id for one in working(workers, "evaluator")] == ["e"]
    assert working(workers, "sender") == servers


members = st.lists(
    st.text("abcdef0123456789", min_size=1, max_size=6), min_size=1, max_size=9, unique=True
).map(lambda names: [member(name) for name in names])


@given(members)
def test_every_share_has_one_owner_and_nobody_too_many(workers: list[Member]) -> None:
    """The shares are dealt out wholly and evenly, whatever the order in which members are told."""
    dealt = [wanted_shares(one.id, workers) for one in workers]
    assert frozenset().union(*dealt) == ALL_SHARES
    assert sum(map(len, dealt)) == SHARES
    assert max(map(len, dealt)) <= -(-SHARES // len(workers))
    again = [wanted_shares(one.id, list(reversed(workers))) for one in workers]
    assert dealt == again


def test_who_does_not_work_owns_nothing() -> None:
    """A member that is no worker wants no share."""
    assert wanted_shares("x", [member("a")]) == frozenset()


@given(st.text(), st.text())
def test_a_share_is_a_number_that_depends_on_all_parts(project: str, url: str) -> None:
    """Any text has a share, the same one every time."""
    assert 0 <= share_of(project, url) < SHARES
    assert share_of(project, url) == share_of(project, url)


def test_beats_do_not_count_for_equality_of_shares() -> None:
    """Who owns what depends on who there is, not on how long."""
    few = [member("a"), member("b")]
    older = [replace(one, beats=99) for one in few]
    assert wanted_shares("a", few) == wanted_shares("a", older)


def test_our_own_blindness_counts_against_nobody() -> None:
    """A database that was away for a minute makes nobody gone; silence after it does."""
    watch = MemberWatch(SILENCE, 500)
    watch.observe([member("a", beats=1), member("b", beats=1)], 0)
    watch.observe([member("a", beats=1), member("b", beats=1)], 60_000)
    assert len(watch.live(60_000)) == 2
    watch.observe([member("a", beats=2), member("b", beats=1)], 60_400)
    watch.observe([member("a", beats=3), member("b", beats=1)], 60_900)
    for now in range(61_400, 63_000, 500):
        watch.observe([member("a", beats=now), member("b", beats=1)], now)
    assert [one.id for one in watch.live(62_900)] == ["a"]
