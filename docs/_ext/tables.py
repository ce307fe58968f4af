"""Directives that generate tables of the reference from the code.

``{refusal-table}`` lists every reason for a refusal, ``{capability-table}`` what each level allows, and
``{permission-table}`` which permission each command needs.
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
"""The mark that the table shows for a fact of the case."""

POLICIES = {"trust": Policy.mat(), "local authority": Policy.local_authority()}


def code(text: str) -> nodes.Node:
    """Build a node that shows text as code."""
    return nodes.literal(text=text)


def table(header: Iterable[str], rows: Iterable[Iterable[Cell]], widths: Iterable[int]) -> nodes.table:
    """Build a table of texts and nodes."""
    columns = tuple(widths)

    def row(cells: Iterable[Cell]) -> nodes.row:
        contents = (nodes.Text(cell) if isinstance(cell, str) else cell for cell in cells)
        return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", content)) for content in contents))

    group = nodes.tgroup(cols=len(columns))
    group.extend(nodes.colspec(colwidth=width) for width in columns)
    group.append(nodes.thead("", row(header)))
    group.append(nodes.tbody("", *(row(cells) for cells in rows)))
    return nodes.table("", group)


def words(refusal: RefusalCode) -> str:
    """Return the words of a refusal, with a mark for each fact of the case."""
    return str(Reason(code=refusal, detail=FACT, level_label=FACT, request=FACT, people=(FACT,)))


def holders(permission: Permission) -> str:
    """Return which roles have a permission under the usual policies."""
    roles_by_kind = {
        kind: [role for role, permissions in policy.role_permissions.items() if permission in permissions]
        for kind, policy in POLICIES.items()
    }
    texts = [f"{', '.join(roles)} ({kind})" for kind, roles in roles_by_kind.items() if roles]
    return "; ".join(texts) or "no role; grant it to people"


class RefusalTable(SphinxDirective):
    """Every reason for a refusal, in the order in which the primary one is chosen."""

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        rows = [
            [code(refusal.name), "the whole action" if refusal in WHOLE else "one school", words(refusal)]
            for refusal in RefusalCode
        ]
        return [table(["code", "refuses", "what it says"], rows, [30, 15, 55])]


class CapabilityTable(SphinxDirective):
    """What each level allows, and which kind of group may ask for it."""

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
    """The permission that each command needs, and the roles that have it."""

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        rows = [
            [COMMAND_LABELS[command], code(permission.name), code(permission.value), holders(permission)]
            for command, permission in PERMISSIONS.items()
        ]
        return [table(["command", "permission", "key", "roles that have it"], rows, [15, 30, 30, 25])]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives with Sphinx."""
    app.add_directive("refusal-table", RefusalTable)
    app.add_directive("capability-table", CapabilityTable)
    app.add_directive("permission-table", PermissionTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
