"""Where webhooks may go: hostile notations of forbidden addresses, and the operator's lists."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from faultwire.domain.errors import Invalid
from faultwire.notifier.delivery import guard
from faultwire.notifier.delivery.guard import Rules
from faultwire.notifier.settings import Loopback, Settings

STRICT = Rules()
FORBIDDEN = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
]


@st.composite
def forbidden_ipv4(draw: st.DrawFn) -> IPv4Address:
    """An address of a forbidden network."""
    network = ip_network(draw(st.sampled_from(FORBIDDEN)))
    return IPv4Address(int(network[0]) + draw(st.integers(0, network.num_addresses - 1)))


def _part(value: int, style: str) -> str:
    return {"dec": str(value), "hex": hex(value), "HEX": f"0X{value:X}", "oct": f"0{value:o}"}[
        style
    ]


@st.composite
def notations(draw: st.DrawFn) -> str:
    """A forbidden address as any inet_aton or URL parser in the world may take it."""
    number = int(draw(forbidden_ipv4()))
    styles = st.sampled_from(["dec", "hex", "HEX", "oct"])
    count = draw(st.integers(1, 4))
    heads = [(number >> (24 - 8 * i)) & 0xFF for i in range(count - 1)]
    tail = number & ((1 << (8 * (5 - count))) - 1)
    text = ".".join(_part(value, draw(styles)) for value in (*heads, tail))
    return text + draw(st.sampled_from(["", "."]))


@st.composite
def embeddings(draw: st.DrawFn) -> str:
    """An IPv6 address that holds a forbidden IPv4 address."""
    number = int(draw(forbidden_ipv4()))
    rest = draw(st.integers(0, (1 << 80) - 1))
    made = draw(
        st.sampled_from(
            [
                number,
                (0xFFFF << 32) | number,
                (0xFFFF << 48) | number,
                (0x2002 << 112) | (number << 80) | rest,
                (0x0064_FF9B << 96) | number,
                (0x0064_FF9B_0001 << 80) | number,
                (0x2001_0000 << 96) | (rest & ~0xFFFF_FFFF) | (number ^ 0xFFFF_FFFF),
                (0x2001_0000 << 96) | (number << 64) | (rest & 0xFFFF_FFFF_FFFF_FFFF),
            ]
        )
    )
    address = IPv6Address(made)
    return draw(st.sampled_from([str(address), address.exploded]))


@given(notations(), st.sampled_from(["http", "https", "HTTP"]), st.sampled_from(["", ":80"]))
def test_no_notation_of_a_forbidden_ipv4_passes(host: str, scheme: str, port: str) -> None:
    """Decimal, hex, octal, short and mixed notations are refused (decimal 2130706433 too)."""
    with pytest.raises(Invalid, match="url: "):
        guard.check_url(f"{scheme}://{host}{port}/hook", STRICT)


@given(embeddings())
def test_no_ipv6_address_hides_a_forbidden_ipv4(address: str) -> None:
    """Mapped, compatible, translated, 6to4, NAT64 and Teredo are refused in URL and connection."""
    assert not guard.allowed(address, STRICT)
    with pytest.raises(Invalid):
        guard.check_url(f"http://[{address}]/", STRICT)


@given(st.ip_addresses(v=4))
def test_ipv4_agrees_with_the_library_on_what_is_global(address: IPv4Address) -> None:
    """What the standard library calls private is never allowed, and what we allow is global."""
    if guard.allowed(address, STRICT):
        assert address.is_global
        assert not address.is_multicast


@given(st.ip_addresses(v=6))
def test_only_global_unicast_ipv6_is_allowed(address: IPv6Address) -> None:
    """Outside 2000::/3 only NAT64 and the mapping of a global IPv4 address are allowed."""
    assume(address not in ip_network("64:ff9b::/96"))
    assume(address not in ip_network("::ffff:0:0/96"))
    if guard.allowed(address, STRICT):
        assert address in ip_network("2000::/3")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://0/",
        "http://127.0.0.1./",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/",
        "http://[fe80::1%25eth0]/",
        "http://[fd00:ec2::254]/",
        "http://１２７.0.0.1/",  # noqa: RUF001
        "http://①②⑦.0.0.1/",
        "http://%31%32%37.0.0.1/",
        "http://8.8.8.8:0/",
        "http://8.8.8.8:65536/",
        "http://8.8.8.8:/",
        "http://8.8.8.8:+80/",
        "http://8.8.8.8:8 0/",
        "http://user@example.org/",
        "http://user:secret@example.org/",
        "http://example.org@127.0.0.1/",
        "http://127.0.0.1\\@example.org/",
        "http://example.org\\.evil/",
        "http:///path",
        "http://:80/",
        "http:example.org",
        "//example.org/",
        "/path",
        "",
        "http://",
        "http://exa mple.org/",
        "http://example.org/\r\nx: y",
        "http://example.org/\x00",
        "\thttp://example.org/",
        "http://-bad.org/",
        "http://a..b/",
        "http://[::1/",
        "http://::1/",
        "http://[::1]x/",
        "http://[v1.x]/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "trust+http://example.org/",
        "log://",
        "javascript:alert(1)",
        "http://" + "a" * 64 + ".org/",
        "http://example.org/" + "a" * 3000,
    ],
)
def test_hostile_urls_are_refused(url: str) -> None:
    """Each is Invalid and names the field that the caller asked for."""
    with pytest.raises(Invalid) as caught:
        guard.check_url(url, STRICT, "alarm_actions[0]")
    assert caught.value.field == "alarm_actions[0]"


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://example.org/hook?token=a@b", "example.org", 80),
        ("HTTPS://Example.ORG", "example.org", 443),
        ("https://example.org:8443/a#b", "example.org", 8443),
        ("http://localhost:12346/", "localhost", 12346),
        ("http://8.8.8.8/", "8.8.8.8", 80),
        ("http://a_b.internal./x", "a_b.internal.", 80),
        ("http://xn--bcher-kva.example/", "xn--bcher-kva.example", 80),
        ("http://[2606:4700::1111]:8080/", "[2606:4700::1111]", 8080),
        ("http://[64:ff9b::8.8.8.8]/", "[64:ff9b::8.8.8.8]", 80),
    ],
)
def test_ordinary_urls_pass_and_are_read_right(url: str, host: str, port: int) -> None:
    """Names pass, to be judged by address later; global addresses pass."""
    target = guard.target_of(url, STRICT)
    assert (target.host, target.port) == (host, port)


@given(st.text(max_size=60))
def test_any_text_is_judged_without_another_error(text: str) -> None:
    """Whatever the text is, the answer is a target or Invalid."""
    for url in (text, f"http://{text}", f"http://{text}/", f"http://[{text}]/"):
        try:
            guard.target_of(url, STRICT)
        except Invalid:
            continue


def test_the_metadata_service_needs_a_network_of_its_own() -> None:
    """Listing the whole internet opens private networks, never link-local or this machine."""
    wide = Rules(networks=(ip_network("0.0.0.0/0"), ip_network("::/0")))
    assert guard.allowed("10.1.2.3", wide)
    assert guard.allowed("fd00::1", wide)
    for address in ("169.254.169.254", "127.0.0.1", "::1", "fe80::1", "0.0.0.0", "224.0.0.1"):  # noqa: S104
        assert not guard.allowed(address, wide)
    narrow = Rules(networks=(ip_network("169.254.10.0/24"),))
    assert guard.allowed("169.254.10.7", narrow)
    assert not guard.allowed("169.254.169.254", narrow)


def test_a_listed_network_opens_itself_only() -> None:
    """One private network that is listed does not open another one."""
    rules = Rules(networks=(ip_network("10.20.0.0/16"),))
    assert guard.allowed("10.20.3.4", rules)
    assert guard.allowed("::ffff:10.20.3.4", rules)
    assert not guard.allowed("10.21.0.1", rules)
    assert not guard.allowed("2002:a14:304::1", rules)


def test_loopback_follows_the_setting_and_where_we_listen() -> None:
    """By default 127.0.0.0/8 and ::1 are open while we listen on loopback ourselves."""
    auto = Settings()
    assert guard.rules_of(auto, on_loopback=True).loopback
    assert not guard.rules_of(auto, on_loopback=False).loopback
    assert guard.rules_of(Settings(loopback=Loopback.ALLOW), on_loopback=False).loopback
    assert not guard.rules_of(Settings(loopback=Loopback.REFUSE), on_loopback=True).loopback
    open_rules = guard.rules_of(auto, on_loopback=True)
    for url in ("http://127.9.9.9:1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/"):
        guard.check_url(url, open_rules)
    with pytest.raises(Invalid):
        guard.check_url("http://2130706433/", open_rules)
    assert not guard.allowed("0.0.0.0", open_rules)  # noqa: S104


def test_a_network_that_is_none_is_named() -> None:
    """A misspelt network in the configuration is an error that shows it."""
    with pytest.raises(Invalid, match=r"10\.0\.0\.1/8"):
        guard.rules_of(Settings(allow_networks=("10.0.0.1/8",)), on_loopback=True)


def test_what_is_no_address_is_not_allowed() -> None:
    """A name in the place of an address is refused, not resolved."""
    assert not guard.allowed("localhost", Rules(loopback=True))
    assert guard.forbidden(ip_address("169.254.169.254"), STRICT) == "link-local"
