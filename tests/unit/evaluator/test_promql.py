"""Queries of a project see its own series: every selector is narrowed, or the query is refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultwire.domain.errors import Invalid
from faultwire.notifier.evaluator.promql import DEPTH, FUNCTIONS, check_label, restricted

MATCHER = 'project="p-1"'


def narrowed(query: str) -> str:
    """Return the query of a project, without the spaces that mean nothing."""
    return re.sub(r"\s+", "", restricted(query, "project", "p-1"))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("up", "up{M}"),
        ("up{}", "up{M}"),
        ('up{job="a", x!~"b.*",}', 'up{M,job="a",x!~"b.*",}'),
        ('{__name__=~".+"}', '{M,__name__=~".+"}'),
        ('up{project="p-2"}', 'up{M,project="p-2"}'),
        ("a:b:rate5m", "a:b:rate5m{M}"),
        ("rate(x[5m])", "rate(x{M}[5m])"),
        ("max_over_time(rate(x[1m])[5m:1m])", "max_over_time(rate(x{M}[1m])[5m:1m])"),
        ("max_over_time(x[5m:])", "max_over_time(x{M}[5m:])"),
        ("sum by (job, group) (x)", "sumby(job,group)(x{M})"),
        ("Sum(x) Without (job)", "Sum(x{M})Without(job)"),
        ("topk(3, x)", "topk(3,x{M})"),
        ('count_values("v", x)', 'count_values("v",x{M})'),
        ("a / on(i) group_left(b) c", "a{M}/on(i)group_left(b)c{M}"),
        ("a * ignoring(i) group_right c", "a{M}*ignoring(i)group_rightc{M}"),
        ("a and on() b or c unless d", "a{M}andon()b{M}orc{M}unlessd{M}"),
        ("a > bool 5", "a{M}>bool5"),
        ("-x ^ 2 atan2 +y", "-x{M}^2atan2+y{M}"),
        ("x offset 5m", "x{M}offset5m"),
        ("x offset -1h30m @ start()", "x{M}offset-1h30m@start()"),
        ("x @ 1609746000.5", "x{M}@1609746000.5"),
        ("1e3 + 0x1F + .5 + Inf", "1e3+0x1F+.5+Inf"),
        ("vector(time())", "vector(time())"),
        ("absent(x)", "absent(x{M})"),
        ("((x))", "((x{M}))"),
        (r'x{a="\"}", b=' + "'}', c=`{\\`}", r'x{M,a="\"}",b=' + "'}',c=`{\\`}"),
        ('label_replace(x, "a", "$1", "b", "(.*)")', 'label_replace(x{M},"a","$1","b","(.*)")'),
        # A function's name without its parenthesis is a metric.
        ("rate", "rate{M}"),
        ("month > 5", "month{M}>5"),
    ],
)
def test_every_selector_is_narrowed(query: str, expected: str) -> None:
    """The matcher stands in each selector, wherever it is, beside those of the query."""
    assert narrowed(query) == expected.replace("M", MATCHER)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "x y",
        "x # y",
        "x{",
        "x}",
        "x{a}",
        "x{a=b}",
        'x{"a b"}',
        '{"x"}',
        "x{,}",
        'x{a="b" or c="d"}',
        'x{a="b\nc"}',
        'x{a="b}',
        "x[5m",
        "x[5]",
        "x[$__interval]",
        "x[5m:1m:1m]",
        "sum",
        "sum{a='b'}",
        "sum x",
        "by{a='b'}",
        "on + 1",
        "offset",
        "x offset y",
        "x @ y",
        "info(x)",
        "foo(x)",
        "RATE(x[5m])",
        "WITH (a = b) c",
        "x keep_metric_names",
        "x default 5",
        "5m",
        "1_000",
        '"text"',
        "x by (y)",
        "x > bool",
        "x,y",
        "(x",
        "x)",
        "x = 5",
        "x ! y",
        "x; y",
        "größe",
        "x\u00a0",
        "x\x00",
        "a on(b) c",
        "\\x",
        "$x",
        "x{a=~}",
        "sum by (1) (x)",
        "sum by (a:b) (x)",
        "(" * (DEPTH + 1) + "x" + ")" * (DEPTH + 1),
    ],
)
def test_what_is_not_understood_is_refused(query: str) -> None:
    """The error names the field; nothing of it ever reaches the server."""
    with pytest.raises(Invalid) as caught:
        restricted(query, "project", "p-1", "prometheus_rule.query")
    assert caught.value.field == "prometheus_rule.query"


@pytest.mark.parametrize(
    ("project", "written"),
    [('a"b', r'"a\"b"'), ("a\\b", r'"a\\b"'), ("a}b{", '"a}b{"'), ("é", '"é"')],
)
def test_a_projects_id_cannot_leave_its_quotes(project: str, written: str) -> None:
    """Whatever the id holds, it is one string of the query."""
    assert restricted("x", "project", project) == "x {project=" + written + "}"


def test_an_id_that_cannot_be_written_is_refused() -> None:
    """Control characters have no place in a query."""
    with pytest.raises(Invalid):
        restricted("x", "project", "a\nb")


@pytest.mark.parametrize("label", ["", "a b", 'a"', "1a", "a-b", "a:b", "é"])
def test_the_label_is_a_labels_name(label: str) -> None:
    """An option that would break every query is refused."""
    with pytest.raises(Invalid, match="project_label"):
        check_label(label, "project_label")
    with pytest.raises(Invalid):
        restricted("x", label, "p")


NAMES = st.sampled_from(["up", "node_load1", "a:b", "sum", "rate", "by", "on", "bool", "inf"])
PIECES = st.sampled_from(
    [*"(){}[],\"'`#@+-*/^%<>=!~: \n\\", "5m", "1", "offset", "=~", "and", "info", "start", "with"]
)


@given(st.lists(NAMES | PIECES | st.text(max_size=3), max_size=12).map("".join))
def test_any_text_is_narrowed_or_refused(text: str) -> None:
    """Nothing but Invalid is raised; what passes has no selector left out."""
    try:
        once = restricted(text, "project", "p-1")
    except Invalid:
        return
    bare = re.sub(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|`[^`]*`', '""', once)
    braces = re.findall(r"\{[^{}]*\}", bare)
    assert all(part.lstrip("{ ").startswith('project=""') for part in braces)
    assert restricted(once, "project", "p-1").count("{") == once.count("{")


def test_no_function_that_looks_by_itself_is_known() -> None:
    """`info` joins series that no selector names."""
    assert "info" not in FUNCTIONS


@pytest.mark.parametrize(
    "query",
    [
        "max_over_time(x[31d])",
        "max_over_time(rate(x[5m])[1d:1m])",
        "max_over_time(rate(x[5m])[7d:])",
        f"rate(x[{'0' * 99}5m])",
        "avg_over_time(x[1h]) / avg_over_time(x[30d:5m])",
        " + ".join(["rate(x[30d])"] * 40),
    ],
)
def test_what_people_look_at_is_allowed(query: str) -> None:
    """Weeks in minutes, and a month, are what alarms ask for."""
    assert narrowed(query)


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("max_over_time(x[32d])", "a range of more than 31 days at '[32d]'"),
        ("max_over_time(x[30d2d1ms])", "a range of more than 31 days"),
        (f"max_over_time(x[1{'0' * 999}s])", "a range of more than 31 days"),
        ("max_over_time(x[32d:1d])", "a range of more than 31 days"),
        ("max_over_time(x[1h:1ms])", "a subquery of more than 11000 steps"),
        ("max_over_time(x[31d:])", "a subquery of more than 11000 steps"),
        ("max_over_time(x[5m:0s])", "a subquery of more than 11000 steps"),
        ("max_over_time(x[0s:0s])", "a subquery of more than 11000 steps"),
        ("max_over_time(rate(x[30d])[1d:1m])", "subqueries that together look at too much"),
        (
            "max_over_time(max_over_time(x[1d:1m])[1d:1m])",
            "subqueries that together look at too much",
        ),
        (
            "max_over_time((rate(a[1h]) + rate(b[30d]))[1d:1m])",
            "subqueries that together look at too much at '[1d:1m]'",
        ),
    ],
)
def test_a_query_that_looks_at_too_much_is_refused(query: str, why: str) -> None:
    """Spans, steps, and steps within steps are bounded: the server serves everybody."""
    with pytest.raises(Invalid) as caught:
        restricted(query, "project", "p-1", "prometheus_rule.query")
    assert str(caught.value).startswith(f"prometheus_rule.query: {why}")
