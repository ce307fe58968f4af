"""The templates of messages, the host's own among them, and the facts that they may use."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

import attrs
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
from markupsafe import Markup, escape

from datashare.domain.instants import day_words
from datashare.domain.notices import Notice, NoticeKind
from datashare.domain.policy import Party
from datashare.domain.text import page_link
from datashare.errors import Misconfigured

from ._values import NAMELESS, isolated, joined, lines, one_line, shortened

_MOST_NAMED = 3

_SHIPPED = PackageLoader("datashare.adapters.email", "templates")


@attrs.frozen(kw_only=True)
class Layout:
    """One of the three forms of a message, which puts the words of a notice in order.

    Attributes:
        template: The layout's template.
        show: Prepares a value from outside for use in a sentence, kept apart from the words around it.
        quote: Prepares a line of a person's own text, which stands alone.
    """

    template: str
    show: Callable[[str], str]
    quote: Callable[[str], str]


def _show_in_subject(value: str) -> str:
    return isolated(shortened(value))


def _show_in_html(value: str) -> Markup:
    return Markup("<bdi>{}</bdi>").format(value)


SUBJECT = Layout(template="layout.subject.j2", show=_show_in_subject, quote=_show_in_subject)
TEXT = Layout(template="layout.text.j2", show=isolated, quote=isolated)
HTML = Layout(template="layout.html.j2", show=_show_in_html, quote=escape)


class Templates:
    """The templates of messages. They run in a sandbox, where an unknown name is an error.

    Each kind of notice has one template, which holds its words in blocks; a layout puts the blocks in order.
    """

    def __init__(self, folder: str | Path | BaseLoader | None) -> None:
        """Load the shipped templates and the host's own, which come first, and check the syntax of each.

        Raises:
            Misconfigured: The folder does not exist, or a template cannot be parsed.
        """
        own = _loaders(folder)
        loader = ChoiceLoader([*own, _SHIPPED, PrefixLoader({"datashare": _SHIPPED})])
        self._plain = _environment(loader, autoescape=False)
        self._escaping = _environment(loader, autoescape=True)
        names = set(_SHIPPED.list_templates())
        with contextlib.suppress(TypeError):  # the host's loader may be unable to list its templates
            names.update(name for source in own for name in source.list_templates() if name.endswith(".j2"))
        for name in sorted(names):
            try:
                self._plain.get_template(name)
            except (TemplateError, OSError, UnicodeError) as exc:
                raise _unusable(name, exc) from exc

    def render(self, layout: Layout, notice: Notice) -> str:
        """Write the words of *notice* in *layout*.

        Raises:
            Misconfigured: A template fails, or does what the sandbox forbids.
        """
        environment = self._escaping if layout is HTML else self._plain
        name = f"{notice.kind.value}.j2"
        try:
            return environment.get_template(name).render(facts_for(notice, layout), layout=layout.template)
        except Exception as exc:  # a host's template may raise anything
            raise _unusable(name, exc) from exc


def _loaders(folder: object) -> list[BaseLoader]:
    if folder is None:
        return []
    if isinstance(folder, BaseLoader):
        return [folder]
    if isinstance(folder, (str, Path)) and Path(folder).is_dir():
        return [FileSystemLoader(folder)]
    raise Misconfigured("EmailRenderer.templates", folder, "a folder that exists, or a Jinja2 loader")


def _environment(loader: BaseLoader, *, autoescape: bool) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=loader, autoescape=autoescape, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["running"] = _running
    return environment


def _running(text: str) -> str:
    """Join the lines of a template into running text; escaped text stays escaped."""
    return type(text)(" ".join(text.split()))


def _unusable(name: str, error: Exception) -> Misconfigured:
    return Misconfigured(
        "EmailRenderer.templates", name, f"templates that can be used ({type(error).__name__}: {error})"
    )


def facts_for(notice: Notice, layout: Layout) -> dict[str, Any]:
    """Return what a template may use: lists, flags, and texts that are safe to show in *layout*.

    Every key is always there; its value is empty where it is not known.
    """

    def known(value: str | None) -> str:
        line = one_line(value or "")
        return layout.show(line) if line else ""

    def name(value: str) -> str:
        return layout.show(one_line(value) or NAMELESS)

    def first_of(names: Iterable[str]) -> str:
        shown = [name(value) for value in names]
        others = [layout.show("others")] if len(shown) > _MOST_NAMED else []
        return joined([*shown[:_MOST_NAMED], *others])

    approvers = [name(person.name) for person in notice.people if person.can_approve]
    return {
        "kind": notice.kind.value,
        "to_school": notice.audience is Party.SCHOOL,
        "group": name(notice.group_name),
        "group_kind": notice.group_kind.label,
        "school": name(notice.institution_name),
        "urn": str(notice.agreement.urn),
        "people": joined([name(person.name) for person in notice.people]),
        "approvers": joined(approvers),
        "all_approve": len(approvers) == len(notice.people),
        "asked_answerers": first_of(answerer.name for answerer in notice.answerers if answerer.asked),
        "unasked_answerers": first_of(answerer.name for answerer in notice.answerers if not answerer.asked),
        "nobody_can_answer": notice.nobody_can_answer,
        "asked_on": _day(notice.asked_on),
        "sender": known(notice.sender_name),
        "sender_address": known(notice.sender_address),
        "actor": known(notice.actor_name),
        "upgrade": notice.level_before is not None,
        "level": known(notice.level_label),
        "level_before": known(notice.level_before_label),
        "adds": [capability.value for capability in notice.adds],
        "link": page_link(notice.link or ""),
        "terms": notice.terms
        and {
            "reference": name(notice.terms.link or notice.terms.reference),
            "link": notice.terms.link,
            "version": name(notice.terms.version),
            "review_on": _day(notice.terms.review_on),
        },
        "reason": [layout.quote(line) for line in lines(notice.reason or "")],
        "cause": notice.cause.value if notice.cause else "",
        "closes_request": notice.kind is NoticeKind.ENDED and notice.request is not None,
    }


def _day(day: date | None) -> str:
    return day_words(day) if day else ""
