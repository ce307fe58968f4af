"""Digests of commands, by which a repeated command is told from a different one (K4)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from datashare.domain.agreements import Actor, Command, ImportAgreement, Named

from ._converter import canonical, converter


def fingerprint(actor: Actor, command: Command) -> tuple[str, str]:
    """Digest what *actor* asks, to tell a repeated command from a different one (K4).

    Returns:
        The digest of what the command says to every school, and of all that it says to this one.
    """
    return next(fingerprints(actor, (command,)))


def fingerprints(actor: Actor, commands: Iterable[Command]) -> Iterator[tuple[str, str]]:
    """Digest many commands of one action, each as `fingerprint` does.

    Cost: what they say to every school is digested once, where it does not change from one to the next.
    """
    write, who = converter().get_unstructure_hook(Command), str(actor)
    last, shared_digest = None, ""
    for command in commands:
        whole = write(command)
        if isinstance(getattr(command, "recipients", None), Named):
            # The same people make the same command, in whatever order a set gives them.
            whole["recipients"]["people"].sort()
        shared = _shared(command, whole)
        if shared != last:
            last, shared_digest = shared, _digest([who, shared])
        yield shared_digest, _digest([who, whole])


def _shared(command: Command, whole: dict[str, Any]) -> dict[str, Any]:
    if isinstance(command, ImportAgreement):
        return {"kind": whole["kind"]}
    shared = {name: value for name, value in whole.items() if name not in _OF_ONE_SCHOOL}
    if isinstance(getattr(command, "recipients", None), Named):
        shared["recipients"] = "named"
    return shared


_OF_ONE_SCHOOL = frozenset({"urn", "request"})


def _digest(value: object) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()
