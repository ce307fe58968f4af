"""Two directives that draw the lifecycle of an agreement from `datashare.domain.agreements.TRANSITIONS`.

``{transition-table}`` is a table of states by commands, and ``{transition-diagram}`` is a drawing for HTML.
Both are generated, so they always agree with the code (T1).
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from html import escape
from typing import TypeAlias

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from datashare.domain.agreements import CONDITIONS, TRANSITIONS, State

Edges: TypeAlias = Mapping[tuple[State, State], list[str]]

WIDTH, HEIGHT = 900, 560
BOX_WIDTH, BOX_HEIGHT = 150, 48
LINE_HEIGHT = 18
MARGIN = 90

ALTERNATIVE = "The states of an agreement, and the commands that lead from one to another"
STYLE = """
.transitions { width: 100%; font: 14px sans-serif; fill: none; stroke: currentColor; stroke-width: 1.4 }
.transitions path { marker-end: url(#transitions-tip) }
.transitions text { fill: currentColor; stroke: none; text-anchor: middle; dominant-baseline: middle }
.transitions .state { font-weight: bold }
.transitions .halo { stroke: var(--color-background-primary, #fff); stroke-width: 8 }
.transitions marker path { fill: currentColor; stroke: none; marker-end: none }
"""
TIP = (
    '<marker id="transitions-tip" viewBox="0 0 10 10" refX="9" refY="5"'
    ' markerWidth="8" markerHeight="8" orient="auto"><path d="M0,0 L10,5 L0,10 z"/></marker>'
)


def spoken(command: type) -> str:
    """Return the name of a command in words: `RecordApproval` becomes "record approval"."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", command.__name__).lower()


def commands() -> list[type]:
    """List every command of the table once, in the order in which they first appear."""
    return list(dict.fromkeys(command for row in TRANSITIONS.values() for command in row))


def cell(state: State, command: type) -> str:
    """Return in words what a command does in a state."""
    condition = CONDITIONS.get((state, command), "")
    target = TRANSITIONS[state].get(command)
    if target is None:
        return f"refused, {condition}" if condition else "refused"
    words = "stays" if target is state and not condition else f"→ {target.label}"
    return f"{words}, {condition}" if condition else words


def edges() -> Edges:
    """Collect the commands that lead from one state to another."""
    labels: dict[tuple[State, State], list[str]] = defaultdict(list)
    for state, row in TRANSITIONS.items():
        for command, target in row.items():
            condition = CONDITIONS.get((state, command))
            labels[state, target].append(f"{spoken(command)}, {condition}" if condition else spoken(command))
    return labels


def table(header: Iterable[str], rows: Iterable[Iterable[str]], columns: int) -> nodes.table:
    """Build a table of plain texts."""

    def row(texts: Iterable[str]) -> nodes.row:
        return nodes.row("", *(nodes.entry("", nodes.paragraph(text=text)) for text in texts))

    group = nodes.tgroup(cols=columns)
    group.extend(nodes.colspec(colwidth=1) for _ in range(columns))
    group.append(nodes.thead("", row(header)))
    group.append(nodes.tbody("", *(row(texts) for texts in rows)))
    return nodes.table("", group)


def places() -> dict[State, tuple[float, float]]:
    """Put the states on an ellipse, clockwise from the top left, in their own order."""
    step = 2 * math.pi / len(TRANSITIONS)
    return {
        state: (
            WIDTH / 2 - (WIDTH * 0.46) * math.cos(math.pi / 4 + number * step),
            HEIGHT / 2 - (HEIGHT * 0.46) * math.sin(math.pi / 4 + number * step),
        )
        for number, state in enumerate(TRANSITIONS)
    }


def text_at(x: float, y: float, lines: list[str], kind: str) -> str:
    """Write lines of text around a point."""
    top = y - (len(lines) - 1) * LINE_HEIGHT / 2
    spans = "".join(
        f'<tspan x="{x:.0f}" y="{top + number * LINE_HEIGHT:.0f}">{escape(line)}</tspan>'
        for number, line in enumerate(lines)
    )
    return f'<text class="{kind}">{spans}</text>'


def label_at(x: float, y: float, lines: list[str]) -> str:
    """Write lines of text over an arrow, on a background in the colour of the page."""
    return text_at(x, y, lines, "halo") + text_at(x, y, lines, "label")


def to_border(from_x: float, from_y: float, x: float, y: float) -> tuple[float, float]:
    """Shorten the line from a point to the centre of a box so that it ends at the border of the box."""
    across, down = from_x - x, from_y - y
    scale = min(
        (BOX_WIDTH / 2 + 6) / abs(across) if across else math.inf,
        (BOX_HEIGHT / 2 + 6) / abs(down) if down else math.inf,
    )
    return x + across * scale, y + down * scale


def arrow(start: tuple[float, float], end: tuple[float, float], labels: list[str]) -> str:
    """Draw a bent arrow; the bend keeps it apart from the arrow in the other direction."""
    (x1, y1), (x2, y2) = start, end
    length = math.hypot(x2 - x1, y2 - y1)
    bend = 72.0
    bent_x = (x1 + x2) / 2 + (y2 - y1) / length * bend
    bent_y = (y1 + y2) / 2 - (x2 - x1) / length * bend
    from_x, from_y = to_border(bent_x, bent_y, x1, y1)
    to_x, to_y = to_border(bent_x, bent_y, x2, y2)
    middle_x = from_x / 4 + bent_x / 2 + to_x / 4
    middle_y = from_y / 4 + bent_y / 2 + to_y / 4
    line = f'<path d="M{from_x:.0f},{from_y:.0f} Q{bent_x:.0f},{bent_y:.0f} {to_x:.0f},{to_y:.0f}"/>'
    return line + label_at(middle_x, middle_y, labels)


def loop(at: tuple[float, float], labels: list[str]) -> str:
    """Draw an arrow from a state to itself, on the outer side of the drawing."""
    x, y = at
    side = -1 if y < HEIGHT / 2 else 1
    edge, far = y + side * (BOX_HEIGHT / 2 + 2), y + side * (BOX_HEIGHT / 2 + 46)
    line = (
        f'<path d="M{x - 26:.0f},{edge:.0f} C{x - 44:.0f},{far:.0f} {x + 44:.0f},{far:.0f} {x + 26:.0f},{edge:.0f}"/>'
    )
    return line + label_at(x, far + side * (2 + len(labels) * LINE_HEIGHT / 2), labels)


def box(at: tuple[float, float], state: State) -> str:
    """Draw a state."""
    x, y = at
    left, top = x - BOX_WIDTH / 2, y - BOX_HEIGHT / 2
    frame = f'<rect x="{left:.0f}" y="{top:.0f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="10"/>'
    return frame + text_at(x, y, [state.label], "state")


def drawing() -> str:
    """Draw the states and the arrows between them, as SVG in the colours of the page."""
    at = places()
    arrows = [
        loop(at[source], labels) if source is target else arrow(at[source], at[target], labels)
        for (source, target), labels in edges().items()
    ]
    boxes = [box(place, state) for state, place in at.items()]
    view = f"{-MARGIN} {-MARGIN} {WIDTH + 2 * MARGIN} {HEIGHT + 2 * MARGIN}"
    return (
        f'<svg class="transitions" viewBox="{view}" role="img" aria-label="{ALTERNATIVE}">'
        f"<style>{STYLE}</style><defs>{TIP}</defs>{''.join(arrows)}{''.join(boxes)}</svg>"
    )


class TransitionTable(SphinxDirective):
    """The table of states by commands."""

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        columns = commands()
        header = ["state", *map(spoken, columns)]
        rows = [[state.label, *(cell(state, command) for command in columns)] for state in TRANSITIONS]
        return [table(header, rows, len(header))]


class TransitionDiagram(SphinxDirective):
    """The drawing of the states and commands; only HTML shows it."""

    def run(self) -> list[nodes.Node]:
        """Build the drawing."""
        return [nodes.raw("", drawing(), format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives with Sphinx."""
    app.add_directive("transition-table", TransitionTable)
    app.add_directive("transition-diagram", TransitionDiagram)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
