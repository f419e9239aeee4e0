"""What the process that probes is told."""

import pytest

from faultwire.domain.errors import Invalid
from faultwire.liveness.probing import options_of, settings_of
from faultwire.liveness.settings import Engine, Settings

SETTINGS = Settings(engine=Engine.ICMP, realtime=False, canaries=("127.0.0.1",))


def test_options_come_through_as_they_were() -> None:
    """What the process is told is what the settings say."""
    assert options_of(settings_of(options_of(SETTINGS))) == options_of(SETTINGS)


def test_a_canary_is_an_address() -> None:
    """A name is refused at the start, naming the option."""
    with pytest.raises(Invalid, match="canaries"):
        Settings(canaries=("gateway",))
