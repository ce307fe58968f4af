"""Settings of Sphinx."""

import logging
import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

import django
from sphinx.application import Sphinx

sys.path[:0] = [str(Path(__file__).parent / "_ext"), str(Path(__file__).parents[1])]

# The reference imports models, which Django has to be set up for.
os.environ["DJANGO_SETTINGS_MODULE"] = "examples.django_host.settings"
django.setup()

# The theme's colours set up the root logger, which would show what the sample messages log.
logging.getLogger("datashare").setLevel(logging.WARNING)

project = "datashare"
author = "The datashare authors"
copyright = f"2026, {author}"  # noqa: A001 - Sphinx's name for it
release = version = installed_version("datashare")
language = "en-GB"

# No intersphinx: the documentation builds without a network.
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "interface",
    "llms",
    "messages",
    "rules",
    "signatures",
    "tables",
    "transitions",
]
exclude_patterns = ["_build"]
default_role = "link-or-code"  # what `name` in a docstring is

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
python_maximum_signature_line_length = 140
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_attr_annotations = False  # the signature has the types
# Several modules have an attribute of the same name, and a type's short name may then mean any of them.
suppress_warnings = ["ref.python"]

html_theme = "furo"
html_title = f"datashare {release}"
html_show_sourcelink = False
html_css_files = ["pictures.css", "tables.css"]
html_static_path = ["_static"]


def keep_colons(_app: Sphinx, what: str, _name: str, _obj: object, _options: object, lines: list[str]) -> None:
    """Keep napoleon from reading an attribute's `words: words` as `type: text`; our types are annotations."""
    if what in {"attribute", "data", "property"} and lines and ":" in lines[0]:
        lines.insert(0, "\\ ")  # an escaped space: it shows nothing, and holds no colon


def setup(app: Sphinx) -> None:
    """Come before napoleon, which listens at the usual priority of 500."""
    app.connect("autodoc-process-docstring", keep_colons, priority=400)
