"""How much of the campaign is played."""

import pytest

from tests.campaign.histories import KINDS


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; they are known where this folder is named on the command line."""
    parser.addoption("--campaign", type=int, default=len(KINDS), help="histories that are played")
    parser.addoption("--seed", type=int, default=0, help="the seed of the first one")
