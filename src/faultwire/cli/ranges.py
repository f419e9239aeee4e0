"""Numbers that options take."""

import math
from typing import Any

import click


class Finite(click.FloatRange):
    """A number within its range; what is none, or has no end, lies in every range otherwise."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; fails as click's own types do."""
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value!r} is not a number with an end.", param, ctx)
        return found
