"""A run as a picture in SVG: a row per span, at scale, and the cycle's lanes below."""

from collections.abc import Iterator, Sequence
from html import escape

from faultwire_profiler.checkpoints import BY_KEY
from faultwire_profiler.cycle import cycle
from faultwire_profiler.many import Bin
from faultwire_profiler.profile import Profile, Span

COLOURS = {
    "monitor": "#0e7490",
    "inspector": "#9333ea",
    "controller": "#2563eb",
    "notifier": "#b45309",
    "evaluator": "#15803d",
    "delivery": "#dc2626",
    "consumer": "#6b7280",
}
_WIDTH, _LEFT, _RIGHT, _ROW = 960, 250, 110, 22
_TICKS = 5


def waterfall(result: Profile, label: str) -> str:
    """Return the SVG of a run; `label` names it for those who cannot see it.

    A bar runs from one checkpoint's last instant to the next one's; the thin line above its end
    runs from that checkpoint's first instant to its last. A negative span is drawn hatched.
    """
    stretches = [one for one in cycle(result) if one.ms is not None]
    ends = [at for point in result.points for at in (point.first_ms, point.last_ms)]
    scale = _Scale(min(ends, default=0.0), max(ends, default=0.0))
    rows = len(result.spans) + len(stretches) + 1
    height = 40 + rows * _ROW + (10 if stretches else 0)
    parts = [*_axis(scale, height)]
    top = 30
    for span in result.spans:
        parts += _bar(result, span, scale, top)
        top += _ROW
    top += 10
    for one in stretches:
        if one.begin_ms is None or one.end_ms is None or one.ms is None:
            continue
        low, high = sorted((one.begin_ms, one.end_ms))
        parts.append(_text(_LEFT - 8, top + 15, one.lane.name, "end"))
        x, wide = scale.at(low), max(1.0, scale.at(high) - scale.at(low))
        parts.append(_rect(x, top + 6, wide, 8, 'class="lane"'))
        parts.append(_text(_WIDTH - 4, top + 15, _ms(one.ms), "end"))
        top += _ROW
    return _svg("waterfall", height, label, parts)


def bars(bins: Sequence[Bin], label: str) -> str:
    """Return the SVG of a histogram: a row per bin."""
    most = max((one.count for one in bins), default=1)
    parts = []
    for place, one in enumerate(bins):
        top = place * _ROW
        name = "below 0 ms" if one.low < 0 else f"{one.low:g} to {one.high:g} ms"
        parts.append(_text(_LEFT - 8, top + 15, name, "end"))
        wide = (_WIDTH - _LEFT - _RIGHT) * one.count / most
        parts.append(_rect(_LEFT, top + 4, wide, _ROW - 8, 'class="bin"'))
        parts.append(_text(_LEFT + wide + 6, top + 15, str(one.count), "start"))
    return _svg("histogram", len(bins) * _ROW + 4, label, parts)


class _Scale:
    """Milliseconds to places in the picture."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high
        self._factor = (_WIDTH - _LEFT - _RIGHT) / (high - low) if high > low else 0.0

    def at(self, ms: float) -> float:
        return _LEFT + (ms - self.low) * self._factor


def _axis(scale: _Scale, height: int) -> Iterator[str]:
    ticks = _TICKS if scale.high > scale.low else 1
    for place in range(ticks):
        ms = scale.low + (scale.high - scale.low) * place / max(1, ticks - 1)
        x = scale.at(ms)
        yield f'<line class="tick" x1="{x:.1f}" y1="20" x2="{x:.1f}" y2="{height}"/>'
        yield _text(x, 14, _ms(ms), "middle")


def _bar(result: Profile, span: Span, scale: _Scale, top: int) -> Iterator[str]:
    points = {point.key: point for point in result.points}
    begin, end = points[span.begin], points[span.end]
    low, high = sorted((begin.last_ms, end.last_ms))
    about = BY_KEY[span.end]
    yield _text(_LEFT - 8, top + 15, f"{about.number} {about.name} ({span.owner})", "end")
    gaps = f"; not known between: {', '.join(span.gaps)}" if span.gaps else ""
    said = f"{span.begin} to {span.end}, {span.owner}: {_ms(span.ms)}{gaps}"
    wide = max(1.0, scale.at(high) - scale.at(low))
    fill = "url(#negative)" if span.negative else COLOURS[span.owner]
    sign = "negative span" if span.negative else "span"
    about_it = f'class="{sign}" fill="{fill}"'
    yield _rect(scale.at(low), top + 4, wide, _ROW - 8, about_it, said)
    if end.last_ms > end.first_ms:
        x, far = scale.at(end.first_ms), scale.at(end.last_ms)
        line = f'x1="{x:.1f}" y1="{top + 2}" x2="{far:.1f}" y2="{top + 2}"'
        yield f'<line class="passes" {line}><title>{end.count} times</title></line>'
    yield _text(_WIDTH - 4, top + 15, _ms(span.ms), "end")


def _svg(kind: str, height: int, label: str, parts: Sequence[str]) -> str:
    box = f'viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(label)}"'
    pattern = (
        '<defs><pattern id="negative" width="6" height="6" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><rect width="3" height="6" fill="#dc2626"/>'
        "</pattern></defs>"
    )
    inner = "\n".join(parts)
    head = pattern if "url(#negative)" in inner else ""
    return f'<svg class="{kind}" xmlns="http://www.w3.org/2000/svg" {box}>{head}\n{inner}\n</svg>'


def _rect(x: float, y: float, wide: float, high: float, about: str, title: str = "") -> str:
    size = f'x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}"'
    inner = f"<title>{escape(title)}</title>" if title else ""
    return f"<rect {about} {size}>{inner}</rect>"


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _ms(ms: float) -> str:
    return f"{ms:,.3f} ms"
