"""Directives that build the tables of the reference from the code, so that the two always agree.

``{refusal-table}`` lists every reason for a refusal with its message; ``{capability-table}`` what each level allows;
``{permission-table}`` the permission that each command needs.
"""

from collections.abc import Iterable
from typing import TypeAlias

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from datashare.domain.agreements import COMMAND_LABELS, PERMISSIONS, Reason, RefusalCode
from datashare.domain.agreements.refusals import WHOLE
from datashare.domain.levels import AccessLevel, Capability
from datashare.domain.people import Permission
from datashare.domain.policy import Policy

Cell: TypeAlias = str | nodes.Node

FACT = "…"
"""Stands for each fact of the case in a message."""

POLICIES = {"trust": Policy.mat(), "local authority": Policy.local_authority()}


def code(text: str) -> nodes.Node:
    """Return text set as code."""
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


def message(refusal: RefusalCode) -> str:
    """Return the message of a refusal, with “…” for every fact of the case."""
    return str(Reason(code=refusal, detail=FACT, level_label=FACT, request=FACT, people=(FACT,)))


def holders(permission: Permission) -> str:
    """List the roles that bring a permission, under the usual policies."""
    roles = {
        kind: [role for role, permissions in policy.role_permissions.items() if permission in permissions]
        for kind, policy in POLICIES.items()
    }
    lists = [f"{', '.join(names)} ({kind})" for kind, names in roles.items() if names]
    return "; ".join(lists) or "no role; grant it to each person"


class RefusalTable(SphinxDirective):
    """Every reason for a refusal, the most important first."""

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        rows = [
            [code(refusal.name), "the whole action" if refusal in WHOLE else "one school", message(refusal)]
            for refusal in RefusalCode
        ]
        return [table(["code", "refuses", "message"], rows, [30, 15, 55])]


class CapabilityTable(SphinxDirective):
    """The levels, what each allows, and which groups may request it."""

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        header = [
            "level",
            *(f"may {capability.label}" for capability in Capability),
            *(f"a {kind} requests it as" for kind in POLICIES),
        ]
        rows = [
            [
                code(level.name),
                *("yes" if capability in level.capabilities else "no" for capability in Capability),
                *(
                    policy.label(level) if level in policy.requestable_levels else "cannot be requested"
                    for policy in POLICIES.values()
                ),
            ]
            for level in AccessLevel
        ]
        return [table(header, rows, [1] * len(header))]


class PermissionTable(SphinxDirective):
    """The permission that each command needs, and the roles that bring it."""

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        rows = [
            [COMMAND_LABELS[command], code(permission.name), code(permission.value), holders(permission)]
            for command, permission in PERMISSIONS.items()
        ]
        return [table(["command", "permission", "key", "comes with the role"], rows, [15, 30, 30, 25])]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("refusal-table", RefusalTable)
    app.add_directive("capability-table", CapabilityTable)
    app.add_directive("permission-table", PermissionTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
