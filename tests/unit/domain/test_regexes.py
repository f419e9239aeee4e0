"""Regular expressions: what they match, what is refused, and that none costs more than it may."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultwire.domain import regexes
from faultwire.domain.errors import Invalid
from faultwire.domain.regexes import regex

MATCHES = [
    ("", "", True),
    ("", "a", True),
    ("a", "bab", True),
    ("^a", "ba", False),
    ("a$", "ab", False),
    ("^$", "", True),
    ("^$", "\n", False),
    ("a$", "a\n", False),
    ("a.b", "a\nb", True),
    ("[]x]", "]", True),
    ("[^]x]", "]", False),
    ("[a-]", "-", True),
    ("[+-9]", "5", True),
    ("[\\d_]", "_", True),
    ("\\D", "12", False),
    ("\\W\\S\\s", "-a\t", True),
    ("\\t\\.", "\t.", True),
    ("a{2}", "a", False),
    ("^a{2,}$", "aaaa", True),
    ("^a{0,2}$", "aaa", False),
    ("^(ab|cd?)+$", "abcabcd", True),
    ("^(?:ab|cd)*$", "abc", False),
    ("a||b", "", True),
    ("^(a|)b", "b", True),
    ("x^", "x", False),
    ("é+", "éé", True),
    ("A", "a", False),
]


@pytest.mark.parametrize(("text", "held", "found"), MATCHES)
def test_what_an_expression_finds(text: str, held: str, found: bool) -> None:
    """Characters, sets, edges, groups and repeats mean what they mean elsewhere."""
    assert regex(text).matches(held) is found


REFUSED = [
    "(",
    ")",
    "a)",
    "(a",
    "*a",
    "a**",
    "a*?",
    "a+?",
    "a{2}{3}",
    "a{3,2}",
    "a{101}",
    "a{,2}",
    "{",
    "[",
    "[a",
    "[]",
    "[z-a]",
    "[\\d-z]",
    "[\\D]",
    "[[:alpha:]]",
    "\\1",
    "\\b",
    "\\",
    "(?=a)",
    "(?<a>b)",
    "(?i)a",
    "^*",
    "$+",
    "((((((((((((a))))))))))))",
    "a" * 256,
    "(a{100}){100}",
    "a\x00",
]


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_expression_here_is_refused(text: str) -> None:
    """What other engines know beyond this, and what costs too much, is the caller's error."""
    with pytest.raises(Invalid, match="expression"):
        regex(text)


@given(
    text=st.text(alphabet="ab.*+?()[]|^-d\\{}1,n\n", max_size=12),
    held=st.text("abn1-\n", max_size=9),
)
def test_an_expression_that_is_taken_means_what_it_means_to_python(text: str, held: str) -> None:
    """Either it is refused, or it finds what the library finds, in all its spellings."""
    try:
        found = regex(text)
    except Invalid:
        return
    theirs = re.compile(found.written("mariadb").replace("\\z", "\\Z"), re.ASCII)
    assert found.matches(held) is bool(theirs.search(held))


def test_each_database_is_told_in_its_own_words() -> None:
    """Any character is any, the end is the very end, and what is special is quoted."""
    found = regex("^a.b|c-d(e|f)*[^x-z_]$")
    assert found.written("postgresql") == "***:^a.b|c\\-d(?:e|f){0,}[^x-z\\_]$"
    assert found.written("mariadb") == "(?s)^a.b|c\\-d(?:e|f){0,}[^x-z\\_]\\z"


def test_nested_repeats_cost_one_pass() -> None:
    """An expression that takes others for ever looks at each character once."""
    found = regex("^(a+)+b(x*x*)*$")
    assert not found.matches("a" * 20_000)
    assert found.matches("a" * 20_000 + "b")


def test_what_is_remembered_is_bounded() -> None:
    """Steps that are remembered are forgotten before they grow large."""
    found = regex("(a|b)c{50}")
    for sign in map(chr, range(0x4E00, 0x4E00 + regexes.KEPT + 5_000)):
        found.matches(sign)
    assert len(found._known) <= regexes.KEPT


def test_what_is_empty_is_not_repeated_without_end() -> None:
    """Groups that hold nothing make no state, and are counted all the same."""
    for text in ("((" + "()" * 100 + "){100}){100}", "(((" + "()" * 113 + "){100}){98}){2}"):
        with pytest.raises(Invalid, match="too large"):
            regex(text)


def test_a_long_text_can_be_left_in_the_middle() -> None:
    """An expression whose every step is new asks now and then whether it may go on."""
    text = "".join("ab"[pow(3, number, 65_537) & 1] for number in range(20_000))
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        regexes.regex("(a|b)*a(a|b){40}c").matches(text, look)
    assert looks == 3
    assert not regexes.regex("c").matches(text, look)
    assert looks == 3
