"""The HTML report: one file that needs nothing else, no script, no font, no picture from afar."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from faultwire_profiler.checkpoints import BY_KEY
from faultwire_profiler.comparing import Comparison
from faultwire_profiler.many import LAW, TOTAL, figures, histogram, samples, slope, verdicts
from faultwire_profiler.merging import Merged, Run, sizes
from faultwire_profiler.profile import LAW_MS, Profile, Verdict
from faultwire_profiler.waterfall import bars, waterfall
from faultwire_profiler.words import TOLD, explanation, servers_words, slope_words

RUNS_SHOWN = 20
"""Runs that are drawn whole: those that missed the law first, then the slowest."""

_HEAD = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
  color: #1f2937; background: #fff }}
h1, h2 {{ overflow-wrap: anywhere }}
table {{ border-collapse: collapse; margin: 1rem 0 }}
th, td {{ padding: .2rem .8rem; border-bottom: 1px solid #d1d5db; text-align: right }}
th:first-child, td:first-child {{ text-align: left }}
svg {{ width: 100%; height: auto; font-size: 11px; fill: currentColor }}
.tick {{ stroke: #d1d5db }} .passes {{ stroke: #111827; stroke-width: 2 }}
.lane {{ fill: #9ca3af }} .bin {{ fill: #2563eb }}
.met {{ color: #15803d }} .missed {{ color: #b91c1c }} .unknown {{ color: #a16207 }}
@media (prefers-color-scheme: dark) {{ body {{ color: #e5e7eb; background: #111827 }}
  .passes {{ stroke: #f9fafb }} }}
</style>
</head>
<body>
<h1>{title}</h1>
"""


@dataclass(frozen=True, slots=True)
class Extra:
    """A section that stands before all others: a title, a sentence and a table."""

    title: str
    sentence: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def report(
    merged: Merged, title: str, compared: Comparison | None = None, extra: Extra | None = None
) -> str:
    """Return the whole page for one run or many, and for a comparison where there is one."""
    parts = [_HEAD.format(title=escape(title))]
    if extra is not None:
        table = _table(extra.headings, extra.rows)
        said = f"<p><strong>{escape(extra.sentence)}</strong></p>"
        parts.append(f"<section>\n<h2>{escape(extra.title)}</h2>\n{said}\n{table}\n</section>")
    if compared is not None:
        parts.append(_comparison(compared))
    if not merged.runs:
        parts.append("<p>No run was found.</p>")
    if len(merged.runs) > 1:
        parts.append(_many(merged.runs))
    shown = sorted(merged.runs, key=_worst)[:RUNS_SHOWN]
    parts += [_run(run) for run in shown]
    if len(merged.runs) > len(shown):
        parts.append(f"<p>{len(merged.runs) - len(shown)} more runs are not drawn.</p>")
    conflicts = (f"{run.fault}: {one.text}" for run in merged.runs for one in run.conflicts)
    parts += [_list("Sources that differ", conflicts), _list("In doubt", merged.problems)]
    return "\n".join(part for part in parts if part) + "\n</body>\n</html>\n"


def _worst(run: Run) -> tuple[bool, float, str]:
    law = run.profile.law_ms
    return run.profile.verdict is not Verdict.MISSED, -(law if law is not None else 0), run.fault


def _run(run: Run) -> str:
    result = run.profile
    title = f"Fault {run.fault}" + (f" on {run.host}" if run.host else "")
    servers = f"<p>{words}.</p>" if (words := servers_words(run.servers)) else ""
    return f"""<section>
<h2>{escape(title)}</h2>
{_law(result)}{servers}
{waterfall(result, f"Timeline of {title}")}
{_unknown(result)}
{_costs(result)}
</section>"""


def _law(result: Profile) -> str:
    took = "" if result.law_ms is None else f" in {_ms(result.law_ms)} of {LAW_MS:,.0f} ms"
    verdict = result.verdict.value
    return f'<p>Detected to received{took}: <strong class="{verdict}">{verdict}</strong>.</p>'


def _unknown(result: Profile) -> str:
    if not result.gaps:
        return ""
    names = ", ".join(f"{BY_KEY[key].number} {BY_KEY[key].name}" for key in result.gaps)
    return f'<p class="unknown">Unknown: {escape(names)}.</p>'


def _costs(result: Profile) -> str:
    rows = (
        (one.owner, _ms(one.ms), "-" if one.percent is None else f"{one.percent}%")
        for one in result.components
    )
    return _table(("Component", "Time Cost", "Percentage"), rows)


def _many(runs: Sequence[Run]) -> str:
    profiles = [run.profile for run in runs]
    counted = verdicts(profiles)
    said = ", ".join(f"{counted[one]} {one.value}" for one in Verdict)
    found = samples(profiles)
    rows = (
        (row.name, str(row.count), *map(_ms, (row.mean, row.p50, row.p95, row.p99, row.max)))
        for row in figures(found)
    )
    whole = LAW if LAW in found else TOTAL
    bins = histogram(found.get(whole, ()))
    fitted = slope(sizes(runs))
    return f"""<section>
<h2>{len(runs)} runs</h2>
<p>The law: {said}. {escape(slope_words(fitted))}.</p>
{_table(("Span", "Runs", "Mean", "p50", "p95", "p99", "Max"), rows)}
{bars(bins, f"How long {whole} took")}
</section>"""


def _comparison(one: Comparison) -> str:
    rows = (
        (
            row.name,
            f"{row.first_count}, {row.second_count}",
            "-" if row.first_p50 is None else _ms(row.first_p50),
            "-" if row.second_p50 is None else _ms(row.second_p50),
            "-" if row.ms is None else f"{row.ms:+,.3f} ms",
            TOLD[row.telling],
        )
        for row in one.differences
    )
    first, second = (escape(name) for name in one.names)
    headings = ("Span", "Runs", "First p50", "Second p50", "Difference", "Told")
    return f"""<section>
<h2>{first} and {second}</h2>
<p><strong>{escape(explanation(one))}</strong></p>
{_table(headings, rows)}
</section>"""


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{escape(one)}</th>" for one in headings)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table>\n<tr>{head}</tr>\n{body}\n</table>"


def _list(title: str, lines: Iterable[str]) -> str:
    items = "\n".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<h2>{title}</h2>\n<ul>\n{items}\n</ul>" if items else ""


def _ms(ms: float) -> str:
    return f"{ms:,.3f} ms"
