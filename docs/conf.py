"""The documentation site: Sphinx reads this; `make docs` builds it into build/docs."""

from faultwire import __version__

project = "Faultwire"
author = "The Faultwire authors"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.intersphinx"]
# Nothing is fetched: a site is built offline, and the same everywhere.
intersphinx_mapping: dict[str, tuple[str, None]] = {}

source_suffix = {".md": "markdown"}
exclude_patterns = ["samples/*.md"]
myst_heading_anchors = 4
myst_enable_extensions = ["deflist", "fieldlist"]

html_theme = "furo"
html_title = f"Faultwire {version}"
html_copy_source = False
html_show_copyright = False
html_extra_path = ["samples"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "undoc-members": False, "show-inheritance": False}
add_module_names = False
python_use_unqualified_type_names = True
toc_object_entries = False

nitpicky = True
nitpick_ignore_regex = [
    # The standard library's pages are elsewhere, and type variables have none.
    (r"py:.*", r"(collections\.abc|enum)\..*"),
    (r"py:.*", r".*\.(T|V|C_contra)"),
    (r"py:.*", r".*\[(str|~faultwire.*)"),
    (r"py:.*", r"re\.Pattern"),
    # What is private has no page.
    (r"py:.*", r".*\._.*"),
    # New names for text say what they are in their names.
    (r"py:.*", r"faultwire\.domain\.ids\..*"),
]
# A field that is called `type` is not what an annotation means by it.
suppress_warnings = ["ref.python"]
