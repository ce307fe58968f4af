"""Links each rule's id, such as P4, to the rule."""

import re
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.nodes import make_refnode

PAGE = "reference/rules"
RULE = re.compile(r"^- ([A-Z]\d+) ", re.MULTILINE)
IDS = frozenset(RULE.findall((Path(__file__).parents[1] / f"{PAGE}.md").read_text(encoding="utf-8")))
IN_TEXT = re.compile(rf"\b({'|'.join(sorted(IDS))})\b")
NOT_IN = (nodes.literal, nodes.literal_block, nodes.reference, nodes.title, nodes.raw)


def mark_rules(app: Sphinx, doctree: nodes.document) -> None:
    """Give each rule an anchor."""
    if app.env.docname != PAGE:
        return
    for item in doctree.findall(nodes.list_item):
        first = item.astext().split(" ", 1)[0]
        if first in IDS:
            item["ids"].append(first)


def link_rules(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Link the ids of rules in text."""
    for text in list(doctree.findall(nodes.Text)):
        if any(isinstance(parent, NOT_IN) for parent in parents(text)) or not IN_TEXT.search(text):
            continue
        pieces = IN_TEXT.split(text)  # text and ids in turn
        text.parent.replace(
            text,
            [
                make_refnode(app.builder, docname, PAGE, piece, [nodes.Text(piece)])
                if number % 2
                else nodes.Text(piece)
                for number, piece in enumerate(pieces)
            ],
        )


def parents(node: nodes.Node) -> Iterator[nodes.Node]:
    """Yield what a node is in, from the inside outwards."""
    while node.parent is not None:
        node = node.parent
        yield node


def setup(app: Sphinx) -> dict[str, bool]:
    """Listen for pages."""
    app.connect("doctree-read", mark_rules)
    app.connect("doctree-resolved", link_rules)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
