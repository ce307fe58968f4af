"""Writes `llms.txt` beside the pages: what they are about, in Markdown for programs that read (see llmstxt.org).

The sections are the entries of the first page's table of contents. Each page stands under its section, with its first
sentence.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

SENTENCE = re.compile(r".+?[.!?](?=\s[^a-z]|$)")


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the file, once the pages are written."""
    if error or app.builder.format != "html":
        return
    missing = app.env.found_docs - set(pages(app.env, app.config.root_doc))
    if missing:
        raise ExtensionError(f"llms.txt lists no page that no table of contents has: {', '.join(sorted(missing))}.")
    text = "\n".join(lines(app, app.env))
    (Path(app.outdir) / "llms.txt").write_text(text + "\n", encoding="utf-8")


def lines(app: Sphinx, env: BuildEnvironment) -> Iterator[str]:
    """Yield the lines of the file."""
    root = env.config.root_doc
    yield from (f"# {env.titles[root].astext()}", "", f"> {first_paragraph(env, root)}")
    for section in env.toctree_includes[root]:
        yield from ("", f"## {env.titles[section].astext()}", "")
        for page in pages(env, section):
            yield f"- [{env.titles[page].astext()}]({app.builder.get_target_uri(page)}): {first_sentence(env, page)}"


def pages(env: BuildEnvironment, page: str) -> Iterator[str]:
    """Yield a page and all pages below it, in the order of the tables of contents."""
    yield page
    for child in env.toctree_includes.get(page, ()):
        yield from pages(env, child)


def first_sentence(env: BuildEnvironment, page: str) -> str:
    """Return the first sentence of a page."""
    text = first_paragraph(env, page)
    match = SENTENCE.match(text)
    return match[0] if match else text


def first_paragraph(env: BuildEnvironment, page: str) -> str:
    """Return the first paragraph of a page that says what it is about, on one line."""
    texts = (" ".join(paragraph.astext().split()) for paragraph in env.get_doctree(page).findall(nodes.paragraph))
    return next(text for text in texts if not text.startswith("Decided on "))


def setup(app: Sphinx) -> dict[str, bool]:
    """Listen for the end of the build."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
