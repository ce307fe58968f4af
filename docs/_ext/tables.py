"""Directives that make the tables of the reference from the code, so that they cannot say anything else.

``{refusal-table}`` lists every reason for a refusal with its words; ``{capability-table}`` what each level
allows; ``{permission-table}`` what each command needs.
"""

from collections.abc import Iterable
from typing import TypeAlias

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from datashare.domain.agreements import COMMAND_LABELS, PERMISSIONS, WHOLE, Reason, RefusalCode
from datashare.domain.levels import AccessLevel, Capability
from datashare.domain.people import Permission
from datashare.domain.policy import Policy

Cell: TypeAlias = str | nodes.Node

FACT = "…"
"""Stands where the message holds a fact of the case."""

POLICIES = {"trust": Policy.mat(), "local authority": Policy.local_authority()}


def code(text: str) -> nodes.Node:
    """Set text as code."""
    return nodes.literal(text=text)


def table(header: Iterable[str], rows: Iterable[Iterable[Cell]], widths: Iterable[int]) -> nodes.table:
    """Build a table of texts and nodes."""
    columns = tuple(widths)

    def row(cells: Iterable[Cell]) -> nodes.row:
        shown = (nodes.Text(cell) if isinstance(cell, str) else cell for cell in cells)
        return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", cell)) for cell in shown))

    group = nodes.tgroup(cols=len(columns))
    group.extend(nodes.colspec(colwidth=width) for width in columns)
    group.append(nodes.thead("", row(header)))
    group.append(nodes.tbody("", *(row(cells) for cells in rows)))
    return nodes.table("", group)


def words(refusal: RefusalCode) -> str:
    """Say what a refusal says, with every fact of the case left out."""
    return str(Reason(code=refusal, detail=FACT, level_label=FACT, request=FACT, people=(FACT,)))


def holders(permission: Permission) -> str:
    """Say who holds a permission by their role, under the usual policies."""
    found = {
        kind: [role for role, held in policy.role_permissions.items() if permission in held]
        for kind, policy in POLICIES.items()
    }
    shown = [f"{', '.join(roles)} ({kind})" for kind, roles in found.items() if roles]
    return "; ".join(shown) or "nobody by role; grant it to people"


class RefusalTable(SphinxDirective):
    """Every reason for a refusal, in the order in which the primary one is chosen."""

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        rows = [
            [code(one.name), "the whole action" if one in WHOLE else "one school", words(one)] for one in RefusalCode
        ]
        return [table(["code", "refuses", "what it says"], rows, [30, 15, 55])]


class CapabilityTable(SphinxDirective):
    """The levels, what each allows, and who may ask for it."""

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        header = [
            "level",
            *(f"may {capability.label}" for capability in Capability),
            *(f"asked for by a {kind} as" for kind in POLICIES),
        ]
        rows = [
            [
                code(level.name),
                *("yes" if capability in level.capabilities else "no" for capability in Capability),
                *(
                    policy.label(level) if level in policy.requestable_levels else "not asked for"
                    for policy in POLICIES.values()
                ),
            ]
            for level in AccessLevel
        ]
        return [table(header, rows, [1] * len(header))]


class PermissionTable(SphinxDirective):
    """What each command needs, and who holds it by their role."""

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        rows = [
            [COMMAND_LABELS[command], code(permission.name), code(permission.value), holders(permission)]
            for command, permission in PERMISSIONS.items()
        ]
        return [table(["command", "permission", "key", "held by role"], rows, [15, 30, 30, 25])]


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directives."""
    app.add_directive("refusal-table", RefusalTable)
    app.add_directive("capability-table", CapabilityTable)
    app.add_directive("permission-table", PermissionTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
