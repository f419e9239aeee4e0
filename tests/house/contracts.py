"""The one contract type of ours that import-linter loads (see .importlinter)."""

from grimp import ImportGraph
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.domain.contract import ContractCheck
from importlinter.domain.imports import ModuleExpression


class ForbiddenWhereBuilt(ForbiddenContract):
    """A forbidden contract that may name modules which are planned and not built yet.

    The floors are drawn for the whole product; a package joins its contract by existing. A name
    that does not exist is left out of the check and said as a warning, so a misspelling shows.
    """

    type_name = "forbidden_where_built"

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Check what exists; warn of what does not."""
        sources, no_sources = _split(graph, self.source_modules)
        forbidden, no_forbidden = _split(graph, self.forbidden_modules)
        planned = no_sources | no_forbidden
        self.source_modules, self.forbidden_modules = sources, forbidden
        result = super().check(graph, verbose)
        result.warnings.extend(f"{name} is not built yet." for name in sorted(planned))
        return result


def _split(
    graph: ImportGraph, expressions: set[ModuleExpression]
) -> tuple[set[ModuleExpression], set[str]]:
    """Part the named modules into those to check and our own that do not exist."""
    ours = graph.modules
    missing = {
        item
        for item in expressions
        if item.expression.startswith("faultwire") and item.expression not in ours
    }
    return expressions - missing, {item.expression for item in missing}
