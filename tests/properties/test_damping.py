"""Damping under any course of turns: no first raise waits, and nothing stays untold."""

from hypothesis import given
from hypothesis import strategies as st

from faultwire.domain.faults import HOST_DOWN
from faultwire.liveness.damping import FORGOTTEN, SAMPLE_NS, Damper, OutOf, Terms, Told

HALF_LIFE_NS = 10_000_000_000
FLAPS = 6

outofs = st.integers(1, 8).flatmap(lambda of: st.builds(OutOf, st.integers(1, of), st.just(of)))
terms = st.builds(Terms, outofs, outofs)
steps = st.lists(
    st.tuples(st.sampled_from(["bad", "well", "tick"]), st.integers(0, 30_000)), max_size=60
)


@given(terms=terms, steps=steps)
def test_what_is_told_follows_what_is(terms: Terms, steps: list[tuple[str, int]]) -> None:
    """A raise after a calm is told at once; what is told becomes true; shelving ends."""
    damper = Damper({HOST_DOWN: terms}, FLAPS, HALF_LIFE_NS)
    now, bad, told, shelved, score, at = 0, False, False, False, 0.0, 0

    def take(acts: list) -> None:  # type: ignore[type-arg]
        nonlocal told, shelved
        for act in acts:
            if act.told is Told.SHELVED:
                assert not shelved
                shelved = True
            elif act.told is Told.STABLE:
                assert shelved
                shelved = False
            else:
                assert not shelved
                told = act.told is Told.BAD
                assert told is bad

    for kind, ms in steps:
        now += ms * 1_000_000
        score *= 0.5 ** ((now - at) / HALF_LIFE_NS)
        at = now
        if kind == "tick":
            take(damper.tick(now))
            continue
        wanted = kind == "bad"
        turned = wanted is not bad
        calm = score < FORGOTTEN * 0.999
        bad = wanted
        acts = damper.signal(HOST_DOWN, "h1", now, bad=bad)
        if turned:
            score += 1
        if turned and bad and calm and not shelved:
            assert [act.told for act in acts if act.told is not Told.WELL] == (
                [Told.BAD] if not told else []
            )
        take(acts)
    for _ in range(2000):
        now += SAMPLE_NS
        take(damper.tick(now))
    assert told is bad
    assert not shelved
