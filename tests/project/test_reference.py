"""The pages of the interface: every public name on one page, by its public name, and short enough to look it up."""

import ast
import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from datashare import AccessLevel
from datashare.adapters.sql._bulk import Existing

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"
CODE_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PRIVATE = re.compile(
    r"datashare\.(\w+\.)*_|datashare\.(service|ports|domain\.agreements)\.(?!events|commands|arguments)[a-z_]+\."
)

# In a process of its own, since a process can set Django up only once.
READ_THE_PAGES = """
import django, importlib, inspect, json
django.setup()
import interface, signatures

def written(name):
    kind = "class" if isinstance(name.value, type) else "function"
    values = [(kind, name.value)]
    if kind == "class":
        values += [("method", member) for attribute, member in vars(name.value).items()
                   if inspect.isfunction(member) and not attribute.startswith("_")]
    for kind, value in values:
        try:
            inspect.signature(value)
        except ValueError:
            continue  # of a built-in type
        if value.__module__:
            yield signatures.write_signature(None, kind, "", value, None, "()", None)

homes = interface.homes().values()
print(json.dumps({
    "names": [[name.shortest, name.source, name.name] for name in homes],
    "without docstring": [name.shortest for name in homes if not name.docstring],
    "signatures": [str(list(written(name))) for name in homes if name.has_docstring],
}))
"""


@pytest.fixture(scope="module")
def interface() -> Iterator[ModuleType]:
    """Return the extension of Sphinx that builds the pages."""
    with pytest.MonkeyPatch.context() as context:
        context.syspath_prepend(DOCS / "_ext")
        yield importlib.import_module("interface")


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    """Return what the pages of the interface document."""
    environment = {
        "PYTHONPATH": f"{DOCS / '_ext'}:{PROJECT}:{PROJECT / 'src'}",
        "DJANGO_SETTINGS_MODULE": "examples.django_host.settings",
    }
    run = subprocess.run([sys.executable, "-c", READ_THE_PAGES], check=False, capture_output=True, env=environment)
    assert 0 == run.returncode, run.stderr.decode()
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


def imported_by_the_guides() -> Iterator[tuple[str, str]]:
    """Yield the module and the name of everything that a code block of the documentation imports of the library."""
    for page in sorted(DOCS.rglob("*.md")):
        for block in CODE_BLOCK.findall(page.read_text(encoding="utf-8")):
            with suppress(SyntaxError):  # a block may be words
                for node in ast.walk(ast.parse(block)):
                    if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "datashare":
                        yield from ((str(node.module), alias.name) for alias in node.names)


def test_every_name_has_one_place_and_a_docstring(reference: dict[str, Any]) -> None:
    """No two entries have one name, none is empty, and the names of every package are among them."""
    shortest = [name for name, _, _ in reference["names"]]

    assert len(shortest) == len(set(shortest))
    assert [] == reference["without docstring"]
    for package in ("datashare", "datashare.ports", "datashare.service", "datashare.rows", "datashare.adapters.sql"):
        exported = importlib.import_module(package).__all__
        assert [] == [name for name in exported if name not in {name for _, _, name in reference["names"]}]


def test_what_a_guide_imports_can_be_looked_up(reference: dict[str, Any]) -> None:
    """Every name that a code block imports is documented."""
    names = {name for _, _, name in reference["names"]}
    pages = {page.stem for page in (DOCS / "reference" / "api").glob("*.md")}
    imported = set(imported_by_the_guides())

    assert ("datashare", "DataSharing") in imported
    assert [] == sorted(
        f"{module}.{name}" for module, name in imported if name not in names and f"{module}.{name}" not in pages
    )


def test_no_private_module_is_named(reference: dict[str, Any]) -> None:
    """Neither a name nor a signature shows where the code of a public name lies."""
    assert "datashare.GroupSide" in [name for name, _, _ in reference["names"]]
    assert [] == [name for name, _, _ in reference["names"] if PRIVATE.match(name)]
    assert [] == [signature for signature in reference["signatures"] if PRIVATE.search(signature)]
    assert [] == [
        signature for signature in reference["signatures"] if "<function" in signature or "Rule(" in signature
    ]


def test_a_member_without_its_meaning_is_refused(interface: ModuleType) -> None:
    """The build fails for an enumeration whose members say nothing, and finds those that do."""
    assert interface.member_docstrings(AccessLevel)["DFE_DATA"].startswith("The group sees")
    with pytest.raises(ValueError, match="These members of Existing have no docstring"):
        interface.member_docstrings(Existing)


def test_a_page_that_is_too_large_fails_the_build(interface: ModuleType, tmp_path: Path) -> None:
    """A page of 200,000 bytes passes; with one byte more, the build fails and names it."""
    folder = tmp_path / "reference" / "api"
    folder.mkdir(parents=True)
    page = folder / "datashare.html"
    app = SimpleNamespace(outdir=tmp_path)

    page.write_bytes(b"x" * 200_000)
    interface.check_sizes(app, None)
    page.write_bytes(b"x" * 200_001)
    with pytest.raises(Exception, match=r"datashare \(200,001 bytes\)"):
        interface.check_sizes(app, None)


CONF = f"""
import sys
sys.path.insert(0, {str(DOCS / "_ext")!r})
extensions = ["myst_parser", "llms"]
html_theme = "basic"
"""
PAGES = {
    "index": "# Elm\n\nElm keeps agreements.\nIt has two parts.\n\n```{toctree}\nguides/index\nreference\n```\n",
    "guides/index": "# Guides\n\nEach guide gets one thing done: not two.\n\n```{toctree}\nfirst\n```\n",
    "guides/first": "# The *first*\n\nAsk a school (see 1.2), e.g. one. Then wait.\n",
    "reference": "# Reference\n\nDecided on 1 May 2026.\n\nEvery name\nis here\n",
}
LLMS = """\
# Elm

> Elm keeps agreements. It has two parts.

## Guides

- [Guides](guides/index.html): Each guide gets one thing done: not two.
- [The first](guides/first.html): Ask a school (see 1.2), e.g. one.

## Reference

- [Reference](reference.html): Every name is here
"""


def build(sources: Path, pages: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Build a small documentation, with warnings as errors."""
    (sources / "conf.py").write_text(CONF, encoding="utf-8")
    for name, text in pages.items():
        page = sources / f"{name}.md"
        page.parent.mkdir(exist_ok=True)
        page.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", str(sources), str(sources / "html")]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_llms_txt_lists_every_page(tmp_path: Path) -> None:
    """Each page is under its section, with its first sentence."""
    outcome = build(tmp_path, PAGES)

    assert 0 == outcome.returncode, outcome.stderr
    assert LLMS == (tmp_path / "html" / "llms.txt").read_text(encoding="utf-8")


def test_a_page_that_llms_txt_would_miss_fails_the_build(tmp_path: Path) -> None:
    """A page that no table of contents has is named, although Sphinx itself allows it."""
    outcome = build(tmp_path, {**PAGES, "lost": "---\norphan: true\n---\n\n# Lost\n\nNobody finds it.\n"})

    assert 0 != outcome.returncode
    assert "llms.txt lists no page that no table of contents has: lost." in outcome.stderr
