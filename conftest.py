"""Makes every code block of the README, the documentation and the docstrings a test."""

from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.myst import PythonCodeBlockParser as MystCodeBlockParser
from sybil.parsers.myst import SkipParser as MystSkipParser
from sybil.parsers.rest import DocTestParser, SkipParser
from sybil.parsers.rest import PythonCodeBlockParser as RestCodeBlockParser
from sybil.sybil import SybilCollection

collect_ignore = ["docs/_build"]
pytest_plugins = ["pytester"]

MYST = [MystCodeBlockParser(), MystSkipParser()]
DOCSTRINGS = [DocTestParser(), RestCodeBlockParser(), SkipParser()]

pytest_collect_file = SybilCollection(
    [
        Sybil(MYST, patterns=["README.md"]),
        Sybil(MYST, path="docs", patterns=["*.md"]),
        Sybil(DOCSTRINGS, path="src", patterns=["*.py"], document_types={".py": PythonDocStringDocument}),
    ]
).pytest()
