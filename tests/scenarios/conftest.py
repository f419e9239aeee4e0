"""The option that writes scenario files anew."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--rewrite``; it is known where this folder is named on the command line."""
    parser.addoption(
        "--rewrite", action="store_true", help="write into scenario files what they print now"
    )


@pytest.fixture
def rewrite(request: pytest.FixtureRequest) -> bool:
    """Tell whether files are to be written instead of compared."""
    return bool(request.config.getoption("--rewrite", default=False))
