"""Links between the documents lead somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.house import tree

LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
HEADING = re.compile(r"^#+\s+(.*?)\s*#*$", re.MULTILINE)
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def _anchors(path: Path) -> set[str]:
    text = CODE_BLOCK.sub("", path.read_text(encoding="utf-8"))
    titles = (re.sub(r"[^\w\- ]", "", title.lower()) for title in HEADING.findall(text))
    return {title.strip().replace(" ", "-") for title in titles}


def _dead(path: Path) -> Iterator[str]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        for link in LINK.findall(line):
            if re.match(r"[a-z][a-z0-9+.-]*:", link):
                continue
            name, _, anchor = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            if not target.exists():
                yield f"{tree.at(path, number)} {link} does not exist"
            elif anchor and target.suffix == ".md" and anchor not in _anchors(target):
                yield f"{tree.at(path, number)} {link}: no such heading"


def test_every_link_between_documents_leads_somewhere() -> None:
    """Each relative link of each Markdown file names a file, and a heading where it says one."""
    tree.none_of(line for path in tree.files() if path.suffix == ".md" for line in _dead(path))
