"""Configuration: defaults, a file, and every mistake named."""

from pathlib import Path

import pytest

from faultwire.config.configuration import SECTIONS, read
from faultwire.domain.errors import Invalid
from faultwire.domain.states import ServerStateOnHostDown
from faultwire.inspector.settings import Recover


def write(folder: Path, text: str) -> Path:
    path = folder / "faultwire.conf"
    path.write_text(text)
    return path


def test_defaults_are_those_of_the_settings() -> None:
    """Without a file every section is its dataclass's defaults."""
    configuration = read()
    for name, kind in SECTIONS.items():
        assert getattr(configuration, name.lower()) == kind()


def test_a_file_sets_every_type_of_option(tmp_path: Path) -> None:
    """Choices, whole numbers, booleans, texts and lists are read as what they are."""
    path = write(
        tmp_path,
        "[inspector]\nrecover = auto\nserver_state_on_host_down = stopped\n"
        "unforce_on_recovery = no\n[liveness]\nagent_return_ms = 350\n"
        "[fault]\ndoctor_networks = 10.0.0.0/8, 192.168.1.0/24\n"
        "[server]\nlisten = 127.0.0.1:9\n"
        "[DEFAULT]\ntransport_url = rabbit://a:b@c:1,d:e@f:2/v\n",
    )
    found = read(path)
    assert found.inspector.recover is Recover.AUTO
    assert found.inspector.server_state_on_host_down is ServerStateOnHostDown.STOPPED
    assert found.inspector.unforce_on_recovery is False
    assert found.liveness.agent_return_ms == 350
    assert found.fault.doctor_networks == ("10.0.0.0/8", "192.168.1.0/24")
    assert found.server.listen == "127.0.0.1:9"
    assert found.default.transport_url == "rabbit://a:b@c:1,d:e@f:2/v"
    assert "b@c" not in repr(found)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[inspektor]\nrecover = auto\n", "[inspektor]"),
        ("[inspector]\nrecovr = auto\n", "recovr"),
        ("[DEFAULT]\ntransport_uri = rabbit://\n", "transport_uri"),
        ("[inspector]\nrecover = perhaps\n", "recover"),
        ("[liveness]\nagent_return_ms = soon\n", "agent_return_ms"),
        ("[liveness]\nagent_return_ms = 0\n", "agent_return_ms"),
        ("[liveness]\nagent_silence_ms = 500\n", "agent_silence_ms"),
        ("no section\n", "faultwire.conf"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, named: str) -> None:
    """D16's spirit: a section, option or value that cannot be is refused at start, by name."""
    with pytest.raises(Invalid, match=r".+") as refused:
        read(write(tmp_path, text))
    assert named in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is an error, not an empty configuration."""
    with pytest.raises(Invalid, match=r"nowhere\.conf"):
        read(tmp_path / "nowhere.conf")
