"""How the site is built: guides in Markdown, and a reference from the docstrings.

Run: make docs. Pages of the reference are written to ``docs/reference`` from what each package
exports, so that a public name without a page is not possible.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

from thresher import __version__  # noqa: E402

project = "Thresher"
author = "The Thresher developers"
release = version = __version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
html_theme = "furo"
html_title = f"Thresher {release}"
html_show_copyright = False

myst_heading_anchors = 3
autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's sections say the types, with shapes and units
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
default_role = "py:obj"  # `name` in a docstring leads to its page, where it has one

PACKAGES = {
    "thresher.core": "What the five packages share",
    "curation": "Curation",
    "active_learning": "Active learning",
    "augment": "Augmentation",
    "training": "Training",
    "lifecycle": "After training",
    "thresher.app": "A function for each command",
}


def write_reference() -> None:
    """Write one page for each package, which lists all that it exports."""
    folder = DOCS / "reference"
    folder.mkdir(exist_ok=True)
    for package, title in PACKAGES.items():
        module = import_module(package)
        heading = f"{title}: ``{package}``"
        names = "\n".join(f"   {name}" for name in module.__all__)
        page = f"{heading}\n{'=' * len(heading)}\n\n.. automodule:: {package}\n   :no-members:\n\n"
        page += f".. currentmodule:: {package}\n\n.. autosummary::\n   :toctree: names\n"
        page += f"   :nosignatures:\n\n{names}\n"
        path = folder / f"{package}.rst"
        if not path.exists() or path.read_text(encoding="utf-8") != page:
            path.write_text(page, encoding="utf-8")


write_reference()  # before Sphinx looks for the pages there are
