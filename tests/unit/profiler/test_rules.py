"""Rules files: what they may say, and where a mistake is."""

import re
from pathlib import Path

import pytest

from faultwire_profiler.literals import literal_of
from faultwire_profiler.rules import RuleError, read_rules, shipped
from faultwire_profiler.times import reader, resolution_ns, rfc3339, zone

HEAD = """\
logs:
  - name: mine
    time: '^(?P<time>\\S+) '
    format: iso
"""
GOOD = HEAD + "    points:\n      - {name: down, point: T01, match: 'is down'}\n"


def test_a_small_file_is_enough() -> None:
    """A log needs a name, how its time is found and written, and a rule."""
    (log,) = read_rules(GOOD, "rules.yaml")
    assert log.takes("anything.log")
    (rule,) = log.rules
    assert (rule.name, rule.point, rule.literal) == ("down", "T01", b"is down")


def test_the_shipped_rules_can_be_read_and_are_fast() -> None:
    """Rules for our own logs, Nova's, Neutron's and Aodh's; each has a text to look for."""
    logs = shipped()
    names = ["faultwire", "nova", "neutron", "neutron under uwsgi", "aodh"]
    assert [log.name for log in logs] == names
    assert all(len(rule.literal) > 5 for log in logs for rule in log.rules)
    assert [log.name for log in logs if log.takes("nova-api.log")] == ["nova"]


@pytest.mark.parametrize(
    ("text", "where", "why"),
    [
        ("", "line 1: the file", "must be a mapping"),
        ("logs: {}", "line 1: the file", "must be a list"),
        ("logs:\n  - [1]", "line 2: the file", "must be a mapping"),
        ("logs: [\n", "line 2", "no YAML"),
        ("log: []", "line 1: the file", "'log' is not one of logs"),
        ("logs:\n  - name: x\n", "line 2", "'time' of the log is missing"),
        (HEAD, "line 2: log mine", "no rule"),
        (HEAD + "    points: []\n", "line 2: log mine", "no rule"),
        (HEAD + "    colour: red\n", "line 5: the file", "'colour' is not one of"),
        (HEAD + "    name: again\n", "line 5: the file", "'name' stands twice"),
        (GOOD.replace("iso", "'%H:%M'"), "line 4: log mine", "has no year"),
        (GOOD.replace("iso", "isoo"), "line 4: log mine", "no format 'isoo'"),
        (GOOD + "    zone: Mars/Base\n", "line 7: log mine", "no time zone 'Mars/Base'"),
        (GOOD + "    year: '26'\n", "line 7: log mine", "four digits"),
        (GOOD.replace("T01", "T11"), "line 6: mine: rule down", "'T11' is no checkpoint"),
        (GOOD.replace("point: T01, ", ""), "line 6: mine: rule down", "'point' is missing"),
        (GOOD.replace("is down", "(is down"), "line 6: mine: rule down", "no regular expression"),
        (GOOD.replace("is down", "(?P<no>x)"), "line 6: mine: rule down", "'no' means nothing"),
        (GOOD.replace("match", "upper_bound"), "line 6: mine: rule down", "'match' is missing"),
        (GOOD.replace("name: down, ", ""), "line 6: log mine", "has no 'name'"),
        (GOOD.replace("'is down'", "[x]"), "line 6: mine: rule down", "must be text"),
        (GOOD.replace("(?P<time>\\S+)", "x"), "line 3: log mine", "no group (?P<time>"),
        (
            GOOD.replace("match: 'is down'", "match: x, upper_bound: often"),
            "line 6: mine: rule down",
            "true or false",
        ),
        (
            HEAD + "    exchanges:\n      - {name: ask, step: went, match: '(?P<id>x)'}\n",
            "line 6: mine: rule ask",
            "the step 'went' is not one of sent",
        ),
        (
            HEAD + "    exchanges:\n      - {name: ask, step: sent, match: 'x'}\n",
            "line 6: mine: rule ask",
            "needs a group",
        ),
    ],
)
def test_a_mistake_names_file_line_and_rule(text: str, where: str, why: str) -> None:
    """A wrong rules file is refused with the place and the reason."""
    with pytest.raises(RuleError) as caught:
        read_rules(text, "my.yaml")
    assert str(caught.value).startswith(f"my.yaml, {where}")
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("expression", "literal"),
    [
        ("host down", "host down"),
        (r"host \S+ is down: ", " is down: "),
        ("colou?r", "colo"),
        ("ab+c", "a"),
        ("abc{2}de", "ab"),
        ("x{y", "x{y"),
        ("one|another", ""),
        ("(one|another) more", " more"),
        ("(?i)Down", ""),
        (r"a\.b\[c\]", "a.b[c]"),
        (r"[ab]cd[^]]e", "cd"),
        (r"\x41bc de", " de"),
        (r"^$", ""),
        (r"(a(b)[)]c)d", "d"),
        (r"\(\d+\) of", ") of"),
    ],
)
def test_the_text_to_look_for(expression: str, literal: str) -> None:
    """The longest text that every match contains, and nothing where that is not sure."""
    assert literal_of(expression) == literal


def test_times_as_logs_write_them() -> None:
    """Each format and zone gives nanoseconds since the epoch."""
    utc = zone("UTC")
    cases = [
        ("iso", utc, "2027-01-15T08:00:00.123456Z"),
        ("iso", zone("+02:00"), "2027-01-15 10:00:00,123456"),
        ("iso", utc, "2027-01-15T09:00:00.123456+01:00"),
        ("%Y-%m-%d %H:%M:%S.%f", zone("America/New_York"), "2027-01-15 03:00:00.123456"),
        ("%d/%b/%Y:%H:%M:%S.%f %z", utc, "15/Jan/2027:09:30:00.123456 +0130"),
        ("epoch", utc, "1800000000.123456"),
        ("epoch_ms", utc, "1800000000123.456"),
        ("epoch_us", utc, "1800000000123456"),
        ("epoch_ns", utc, "1800000000123456000"),
    ]
    for form, where, text in cases:
        assert reader(form, where)(text) == 1_800_000_000_123_456_000
    assert (
        reader("%b %d %H:%M:%S", zone("-0130"), 2027)("Jan 15 06:30:00") == 1_800_000_000 * 10**9
    )
    assert reader("%b %d", utc, 2024)("Feb 29")
    for form, text in (("epoch", "-1"), ("epoch", "1e9"), ("iso", "now"), ("%Y", "x")):
        with pytest.raises(ValueError, match=r".+"):
            reader(form, utc)(text)


def test_the_resolution_is_what_is_written() -> None:
    """A time is as exact as its digits."""
    assert resolution_ns("12:00:00") == 10**9
    assert resolution_ns("12:00:00,123") == 10**6
    assert resolution_ns("12:00:00.123456789012") == 1
    assert rfc3339(1_800_000_000_123_456_789) == "2027-01-15T08:00:00.123456Z"


def test_the_rules_of_the_documentation_can_be_read() -> None:
    """The example of the page on the profiler is a right rules file."""
    page = (Path(__file__).parents[3] / "docs" / "profiler.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (log,) = read_rules(example, "profiler.md")
    assert [rule.name for rule in log.rules] == ["no answer", "report sent"]
