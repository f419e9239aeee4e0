"""PromQL kept within one project: a matcher is added to every selector (D18); pure.

What is not understood whole is refused: a query that reached the server with one selector left
out would show a project the series of others. Left out on purpose: comments, quoted metric
names, durations as numbers, functions that select series by themselves, metrics named as a
keyword.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from faultwire.domain.errors import Invalid
from faultwire.notifier.evaluator import spans

DEPTH = 50
"""How deep a query may be nested."""

_DURATION = r"(?:[0-9]+(?:ms|[smhdwy]))+"
_TOKEN = re.compile(
    rf"""
      (?P<space>[ \t\r\n]+)
    | (?P<range>\[[ \t\r\n]*{_DURATION}[ \t\r\n]*(?::[ \t\r\n]*(?:{_DURATION}[ \t\r\n]*)?)?\])
    | (?P<duration>{_DURATION})(?![A-Za-z0-9_:.])
    | (?P<number>(?:0[xX][0-9a-fA-F]++|(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]+)?))
      (?![A-Za-z0-9_:.])
    | (?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
    | (?P<string>"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*'|`[^`]*`)
    | (?P<sign>=~|!~|==|!=|>=|<=|[-+*/%^<>=(){{}},@])
    """,
    re.VERBOSE,
)

_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_AGGREGATIONS = frozenset(
    {
        "sum",
        "avg",
        "count",
        "min",
        "max",
        "group",
        "stddev",
        "stdvar",
        "topk",
        "bottomk",
        "count_values",
        "quantile",
        "limitk",
        "limit_ratio",
    }
)
_WORD_OPERATORS = frozenset({"and", "or", "unless", "atan2"})
_KEYWORDS = frozenset(
    {
        "by",
        "without",
        "on",
        "ignoring",
        "group_left",
        "group_right",
        "bool",
        "offset",
        "start",
        "end",
        "smoothed",
        "anchored",
        "fill",
        "fill_left",
        "fill_right",
    }
)
_NUMBERS = frozenset({"inf", "nan"})
_COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})
_OPERATORS = frozenset({"+", "-", "*", "/", "%", "^"}) | _COMPARISONS | _WORD_OPERATORS
_MATCHES = frozenset({"=", "!=", "=~", "!~"})

FUNCTIONS = frozenset(
    {
        "abs",
        "absent",
        "absent_over_time",
        "acos",
        "acosh",
        "asin",
        "asinh",
        "atan",
        "atanh",
        "avg_over_time",
        "ceil",
        "changes",
        "clamp",
        "clamp_max",
        "clamp_min",
        "cos",
        "cosh",
        "count_over_time",
        "day_of_month",
        "day_of_week",
        "day_of_year",
        "days_in_month",
        "deg",
        "delta",
        "deriv",
        "exp",
        "floor",
        "histogram_avg",
        "histogram_count",
        "histogram_fraction",
        "histogram_quantile",
        "histogram_stddev",
        "histogram_stdvar",
        "histogram_sum",
        "holt_winters",
        "hour",
        "idelta",
        "increase",
        "irate",
        "label_join",
        "label_replace",
        "last_over_time",
        "ln",
        "log10",
        "log2",
        "mad_over_time",
        "max_over_time",
        "min_over_time",
        "minute",
        "month",
        "pi",
        "predict_linear",
        "present_over_time",
        "quantile_over_time",
        "rad",
        "rate",
        "resets",
        "round",
        "scalar",
        "sgn",
        "sin",
        "sinh",
        "sort",
        "sort_by_label",
        "sort_by_label_desc",
        "sort_desc",
        "sqrt",
        "stddev_over_time",
        "stdvar_over_time",
        "sum_over_time",
        "tan",
        "tanh",
        "time",
        "timestamp",
        "vector",
        "year",
        "double_exponential_smoothing",
    }
)
"""Functions that look at nothing but their arguments; `info` is none of them."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str

    @property
    def word(self) -> str:
        """The text as a keyword: Prometheus does not mind their case."""
        return self.text.lower() if self.kind == "name" else self.text


_END = _Token("end", "")


def restricted(query: str, label: str, project: str, path: str = "query") -> str:
    """Return the query with ``label="project"`` in every selector.

    Raises Invalid, naming `path`, for a query that is not understood whole.
    """
    if not _LABEL.fullmatch(label):
        raise Invalid(path, f"{label!r} is no name of a label")
    return _Parser(_tokens(query, path), f"{label}={_quoted(project, path)}", path).whole()


def check_label(label: str, path: str) -> None:
    """Raise Invalid, naming `path`, for what cannot be a label's name."""
    if not _LABEL.fullmatch(label):
        raise Invalid(path, f"{label!r} is no name of a label")


def _quoted(text: str, path: str) -> str:
    if not text.isprintable():
        raise Invalid(path, "the project's id cannot be written in a query")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _tokens(query: str, path: str) -> list[_Token]:
    found: list[_Token] = []
    place = 0
    while place < len(query):
        match = _TOKEN.match(query, place)
        if match is None or match.lastgroup is None:
            raise Invalid(path, f"not understood at character {place + 1}: {query[place:][:20]!r}")
        if match.lastgroup != "space":
            found.append(_Token(match.lastgroup, match.group()))
        place = match.end()
    return found


class _Parser:
    """Reads tokens once, from left to right, and writes them again, selectors restricted."""

    def __init__(self, tokens: list[_Token], matcher: str, path: str) -> None:
        self._tokens = tokens
        self._matcher = matcher
        self._path = path
        self._place = 0
        self._depth = 0
        self._work = 0
        self._out: list[str] = []

    def whole(self) -> str:
        self._expression()
        if self._next is not _END:
            raise self._wrong("not understood")
        return " ".join(self._out)

    # ------------------------------------------------------------ tokens

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place] if self._place < len(self._tokens) else _END

    def _after(self) -> _Token:
        after = self._place + 1
        return self._tokens[after] if after < len(self._tokens) else _END

    def _take(self) -> str:
        text = self._next.text
        self._out.append(text)
        self._place += 1
        return text

    def _takes(self, *texts: str) -> bool:
        if self._next.kind in {"sign", "name"} and self._next.word in texts:
            self._take()
            return True
        return False

    def _needs(self, text: str) -> None:
        if not self._takes(text):
            raise self._wrong(f"{text!r} is missing")

    def _kind(self, *kinds: str) -> None:
        if self._next.kind not in kinds:
            raise self._wrong(f"a {' or '.join(kinds)} is missing")
        self._take()

    def _wrong(self, reason: str) -> Invalid:
        at = self._next.text[:40]
        return Invalid(self._path, f"{reason} at {at!r}" if at else f"{reason} at the end")

    # ------------------------------------------------------------ grammar

    def _expression(self) -> None:
        self._depth += 1
        if self._depth > DEPTH:
            raise self._wrong("nested too deeply")
        self._operand()
        while self._next.kind in {"sign", "name"} and self._next.word in _OPERATORS:
            compares = self._next.text in _COMPARISONS
            self._take()
            if compares:
                self._takes("bool")
            if self._takes("on", "ignoring"):
                self._labels()
                if self._takes("group_left", "group_right") and self._next.text == "(":
                    self._labels()
            self._operand()
        self._depth -= 1

    def _operand(self) -> None:
        while self._takes("+", "-"):
            pass
        before, self._work = self._work, 0
        self._primary()
        while self._suffix():
            pass
        self._work += before

    def _suffix(self) -> bool:
        if self._next.kind == "range":
            try:
                self._work = spans.work(self._next.text, self._work)
            except ValueError as error:
                raise self._wrong(str(error)) from None
            self._take()
        elif self._takes("offset"):
            self._takes("-")
            self._kind("duration")
        elif self._takes("@"):
            if self._takes("start", "end"):
                self._needs("(")
                self._needs(")")
            else:
                self._takes("-")
                self._kind("number")
        else:
            return False
        return True

    def _primary(self) -> None:
        token = self._next
        if token.kind == "number" or (token.kind == "name" and token.word in _NUMBERS):
            self._take()
        elif token.text == "(":
            self._take()
            self._expression()
            self._needs(")")
        elif token.text == "{":
            self._matchers()
        elif token.kind == "name":
            self._named(token)
        else:
            raise self._wrong("not understood")

    def _named(self, token: _Token) -> None:
        if token.word in _AGGREGATIONS:
            self._take()
            grouped = self._grouping()
            self._arguments()
            if not grouped:
                self._grouping()
        elif token.word in _KEYWORDS | _WORD_OPERATORS:
            raise self._wrong("a keyword out of place")
        elif self._after().text == "(":
            if token.text not in FUNCTIONS:
                raise self._wrong("no such function")
            self._take()
            self._arguments()
        else:
            self._take()
            if self._next.text == "{":
                self._matchers()
            else:
                self._out.append("{" + self._matcher + "}")

    def _grouping(self) -> bool:
        if not self._takes("by", "without"):
            return False
        self._labels()
        return True

    def _arguments(self) -> None:
        self._needs("(")
        self._list(self._argument, ")")

    def _argument(self) -> None:
        if self._next.kind == "string":
            self._take()
        else:
            self._expression()

    def _labels(self) -> None:
        self._needs("(")
        self._list(self._label, ")")

    def _label(self) -> None:
        if self._next.kind != "name" or not _LABEL.fullmatch(self._next.text):
            raise self._wrong("a label is missing")
        self._take()

    def _matchers(self) -> None:
        self._needs("{")
        self._out.append(self._matcher)
        if self._next.text != "}":
            self._out.append(",")
        self._list(self._match, "}")

    def _match(self) -> None:
        self._label()
        if self._next.text not in _MATCHES:
            raise self._wrong("a matcher is missing")
        self._take()
        self._kind("string")

    def _list(self, item: Callable[[], None], end: str) -> None:
        """Read items between commas up to `end`; the last may have a comma too."""
        while not self._takes(end):
            item()
            if not self._takes(","):
                self._needs(end)
                return
