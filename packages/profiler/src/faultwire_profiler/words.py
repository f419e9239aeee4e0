"""Sentences on many runs, the same on the console and in the report."""

from faultwire_profiler.comparing import Comparison, Telling
from faultwire_profiler.many import Slope

TOLD = {
    Telling.DIFFERENT: "yes",
    Telling.NOT_SHOWN: "no",
    Telling.TOO_FEW: "too few",
    Telling.ONE_SIDED: "one side",
}
"""Whether the samples tell, short enough for a table."""


def explanation(one: Comparison) -> str:
    """Return a sentence on whether the sets differ and which owner explains it."""
    row = one.difference(one.total)
    if row is None or row.ms is None:
        return "The whole is not known on both sides: nothing can be compared"
    said = f"{one.total}: {row.ms:+,.3f} ms"
    if row.telling is Telling.NOT_SHOWN:
        return f"{said}: no difference is shown, chance alone makes {row.give_or_take:,.3f} ms"
    if row.telling is Telling.TOO_FEW:
        said = f"{said}, of these runs only: too few samples to tell"
    if one.explained_by is None or one.share is None:
        return f"{said}. No owner's time explains it"
    span = f", in {one.span} most" if one.span else ""
    return f"{said}. It is the {one.explained_by}'s to {one.share:.0f}%{span}"


def slope_words(fitted: Slope | None) -> str:
    """Return a sentence on how the total grows with the number of servers."""
    if fitted is None:
        return "Slope: runs with different numbers of servers are needed"
    error = "" if fitted.error is None else f" (error {fitted.error:,.3f})"
    line = f"{fitted.ms_per_server:,.3f} ms per server{error} on {fitted.ms_at_zero:,.3f} ms"
    share = f"{100 * fitted.explained:.0f}% of the variation"
    return f"Slope: {line}, {fitted.runs} runs; explains {share}"


def servers_words(servers: int | None) -> str:
    """Return the number of servers in words; empty where it is not known."""
    if servers is None:
        return ""
    return "1 server" if servers == 1 else f"{servers} servers"
