"""Digests of commands, which distinguish a repeated command from a different one (K4)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import get_args, get_type_hints

import attrs

from datashare.domain.agreements import (
    Actor,
    AddRecipients,
    Command,
    EndAgreement,
    ImportAgreement,
    Named,
    RequestAccess,
)
from datashare.domain.chain import canonical

from ._converter import converter, tag_of
from ._forms import plain


def fingerprint(actor: Actor, command: Command) -> tuple[str, str]:
    """Digest what *actor* asks, to distinguish a repeated command from a different one (K4).

    Returns:
        The digest of what the command says to every school, and that of everything that it says to this school.
    """
    return next(fingerprints(actor, (command,)))


def fingerprints(actor: Actor, commands: Iterable[Command]) -> Iterator[tuple[str, str]]:
    """Digest many commands of one action, each as `fingerprint` does.

    Cost: what they say to every school is digested once, where it does not change from one to the next.
    """
    who = canonical(str(actor))
    last, shared_digest = None, ""
    for command in commands:
        shared = _shared(command)
        if shared != last:
            last, shared_digest = shared, _digest(who, _plain_shared(shared))
        yield shared_digest, _digest(who, plain(_in_order(command)))


_Shared = tuple[type[Command], Mapping[str, object]]
"""The kind of a command, and the fields that it has in common with those to other schools."""


def _shared(command: Command) -> _Shared:
    kind = type(command)
    if kind is ImportAgreement:
        return kind, {}
    if isinstance(command, EndAgreement) and command.planned:  # one plan names several causes
        return kind, {"plan": command.planned.plan}
    return kind, {name: getattr(command, name) for name in _COMMON_TO_SCHOOLS[kind]}


_OF_ONE_SCHOOL = frozenset({"urn", "request", "planned"})

_COMMON_TO_SCHOOLS: Mapping[type, tuple[str, ...]] = {
    kind: tuple(field.name for field in attrs.fields(kind) if field.name not in _OF_ONE_SCHOOL)
    for kind in get_args(Command)
}


def _plain_shared(shared: _Shared) -> dict[str, object]:
    kind, fields = shared
    types = get_type_hints(kind)
    written = {name: converter().unstructure(value, types.get(name, str)) for name, value in fields.items()}
    if isinstance(fields.get("recipients"), Named):
        written["recipients"] = "named"
    return {"kind": tag_of(kind), **written}


def _in_order(command: Command) -> Command:
    """Sort named people: the same people make the same command, in whatever order a set lists them."""
    recipients = getattr(command, "recipients", None)
    if isinstance(recipients, Named) and isinstance(command, RequestAccess | AddRecipients):
        return attrs.evolve(command, recipients=Named(sorted(recipients.people, key=str)))
    return command


def _digest(who: str, what: object) -> str:
    return hashlib.sha256(f"[{who},{canonical(what)}]".encode()).hexdigest()
