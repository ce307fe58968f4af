"""The templates: those that come along, and those that a host put in their place."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    FileSystemLoader,
    PackageLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateError,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

from datashare.domain.notices import NoticeKind
from datashare.errors import InvalidValue

SUBJECT, TEXT, HTML = "layout.subject.j2", "layout.text.j2", "layout.html.j2"

_SHIPPED = PackageLoader("datashare.adapters.email", "templates")


class Templates:
    """The templates of messages, in a sandbox, with whatever they do not know being an error.

    A template of a kind of notice holds words in blocks; one of three layouts puts them in order.
    """

    def __init__(self, own: str | Path | BaseLoader | None) -> None:
        """Find the templates, the host's *own* first, and read every one of them.

        Raises:
            InvalidValue: The folder is not there, or one of them is no template.
        """
        found = _own(own)
        loader = ChoiceLoader([*found, _SHIPPED, PrefixLoader({"datashare": _SHIPPED})])
        self._plain = _environment(loader, autoescape=False)
        self._escaping = _environment(loader, autoescape=True)
        for name in sorted({*_SHIPPED.list_templates(), *_listed(found)}):
            self._read(name)

    def render(self, layout: str, kind: NoticeKind, facts: Mapping[str, Any]) -> str:
        """Render the words of a *kind* of notice in a *layout*.

        Raises:
            InvalidValue: A template does what it may not, or what makes no sense.
        """
        environment = self._escaping if layout == HTML else self._plain
        try:
            return environment.get_template(_name(kind)).render(facts, layout=layout)
        except Exception as exc:  # a host's template may raise anything
            raise _unusable(_name(kind), exc) from exc

    def _read(self, name: str) -> None:
        try:
            self._plain.get_template(name)
        except (TemplateError, OSError, UnicodeError) as exc:
            raise _unusable(name, exc) from exc


def _own(own: object) -> list[BaseLoader]:
    if own is None:
        return []
    if isinstance(own, BaseLoader):
        return [own]
    if isinstance(own, (str, Path)) and Path(own).is_dir():
        return [FileSystemLoader(own)]
    raise InvalidValue("EmailRenderer.templates", own, "a folder that is there, or a loader of Jinja2")


def _listed(own: list[BaseLoader]) -> list[str]:
    """List what a host has of its own, so far as its loader can tell; a folder may hold other files too."""
    with contextlib.suppress(TypeError):
        return [name for loader in own for name in loader.list_templates() if name.endswith(".j2")]
    return []


def _environment(loader: BaseLoader, *, autoescape: bool) -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(
        loader=loader, autoescape=autoescape, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["running"] = _running
    return made


def _running(text: str) -> str:
    """Let words run on, however the lines of the template break; escaped words stay so."""
    return type(text)(" ".join(text.split()))


def _name(kind: NoticeKind) -> str:
    return f"{kind.value}.j2"


def _unusable(name: str, error: Exception) -> InvalidValue:
    return InvalidValue(
        "EmailRenderer.templates", name, f"templates that can be used ({type(error).__name__}: {error})"
    )
