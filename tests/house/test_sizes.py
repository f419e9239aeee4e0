"""Small by habit: the limits on files and functions, and names that say nothing."""

from tests.house import tree

FILE_LINES = 400
FUNCTION_LINES = 60
EMPTY_NAMES = {
    f"{name}{plural}"
    for name in ("util", "common", "helper", "base", "manager", "misc", "shared", "tool")
    for plural in ("", "s")
}
CODE = ("src", "packages", "tests", "bench")


def test_no_file_is_longer_than_its_limit() -> None:
    """A Python file has at most 400 lines."""
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines())
        for path in tree.python_files(*CODE)
    }
    tree.none_of(
        f"{tree.at(path)} has {length} lines, {FILE_LINES} allowed"
        for path, length in lengths.items()
        if length > FILE_LINES
    )


def test_no_function_is_longer_than_its_limit() -> None:
    """A function has at most 60 lines, from `def` to its end."""
    tree.none_of(
        f"{tree.at(path, node.lineno)} {node.name} has {length} lines, {FUNCTION_LINES} allowed"
        for path in tree.python_files(*CODE)
        for node in tree.functions(path)
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    )


def test_no_module_has_an_empty_name() -> None:
    """No module or folder of code is named for being a drawer."""
    tree.none_of(
        f"{tree.at(path)} is named {part}: name it for what it does"
        for path in tree.python_files(*CODE)
        for part in path.relative_to(tree.ROOT).with_suffix("").parts
        if part.strip("_") in EMPTY_NAMES
    )
