"""A host puts templates of its own in place of the shipped ones, one by one, within bounds."""

from pathlib import Path

import attrs
import pytest
from jinja2 import DictLoader, FunctionLoader

from datashare.domain.notices import NoticeKind
from datashare.errors import InvalidValue
from tests.adapters.email.notices import ASKED, RENDERER, notice, renderer

SUBJECT = '{% extends layout %}{% block subject %}{{ group }}: {{ "a < b" }}\n &{% endblock %}'


def test_one_template_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    """A folder with one template changes the messages of that kind alone."""
    (tmp_path / "request.j2").write_text(SUBJECT, encoding="utf-8")
    own = renderer(templates=tmp_path)
    reminder = notice(NoticeKind.REMINDER)

    assert "Areté Learning Trust: a < b &" == own.subject(ASKED)
    assert RENDERER.subject(reminder) == own.subject(reminder)
    assert RENDERER.html(reminder) == own.html(reminder)
    assert own.subject(ASKED) == renderer(templates=str(tmp_path)).subject(ASKED)


def test_a_shipped_template_may_be_extended() -> None:
    """A template that is replaced can still be extended, under the name of this library."""
    words = "{% block ask %}Call <b>{{ group }}</b>. {{ super() }}{% endblock %}"
    own = renderer(templates=DictLoader({"request.j2": '{% extends "datashare/request.j2" %}' + words}))

    assert "Call <b>Areté Learning Trust</b>. Questions? Ask Ana Ćosić at" in own.text(ASKED)
    assert "Call <b><bdi>Areté Learning Trust</bdi></b>. Questions? Ask <bdi>Ana" in own.html(ASKED)
    assert RENDERER.subject(ASKED) == own.subject(ASKED)


def test_a_layout_may_be_replaced() -> None:
    """The order of the words is a template as well, one for each medium."""
    layout = "{% block says %}{% endblock %}\n\n\n\n{{ kind }} {{ urn }}"
    own = renderer(templates=DictLoader({"layout.text.j2": layout}))

    assert own.text(ASKED).strip().endswith("\n\nrequest 100000")
    assert RENDERER.html(ASKED) == own.html(ASKED)


@pytest.mark.rule("O5")
@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ kind.upper.__globals__ }}",
        "{{ unknown }}",
        "{{ 1 // 0 }}",
        "{% include 'x.j2' %}",
    ],
)
def test_a_template_that_fails_is_named(source: str) -> None:
    """Reaching out of the sandbox, unknown names and plain mistakes are errors that name the template."""
    body = "{% extends layout %}{% block says %}" + source + "{% endblock %}"
    own = renderer(templates=DictLoader({"request.j2": body}))

    with pytest.raises(InvalidValue, match=r"EmailRenderer.templates must be templates that can be used .*request\.j2"):
        own.text(ASKED)
    assert RENDERER.text(notice(NoticeKind.ENDED)) == own.text(notice(NoticeKind.ENDED))


@pytest.mark.rule("O5")
def test_a_value_is_never_a_template() -> None:
    """Template syntax in a name is shown as it is, by a host's own template as well."""
    own = renderer(templates=DictLoader({"request.j2": SUBJECT}))

    assert "{{ 7 * 7 }}: a < b &" == own.subject(attrs.evolve(ASKED, group_name="{{ 7 * 7 }}"))


def test_what_is_not_a_template_is_refused_immediately(tmp_path: Path) -> None:
    """Broken syntax, bytes that are not text, and a folder that does not exist are found when a renderer is made."""
    (tmp_path / "ended.j2").write_text("{% block %}", encoding="utf-8")
    (tmp_path / "latin").mkdir()
    (tmp_path / "latin" / "layout.html.j2").write_bytes(b"caf\xe9")

    with pytest.raises(InvalidValue, match=r"TemplateSyntaxError.*ended\.j2"):
        renderer(templates=tmp_path)
    with pytest.raises(InvalidValue, match=r"UnicodeDecodeError.*layout\.html\.j2"):
        renderer(templates=tmp_path / "latin")
    for missing in (tmp_path / "missing", str(tmp_path / "ended.j2")):
        with pytest.raises(InvalidValue, match="a folder that exists"):
            renderer(templates=missing)


@pytest.mark.parametrize("name", ["foot.j2", "answer.j2", "words.j2", "questions.j2", "parts/own.j2"])
def test_every_template_is_read_when_a_renderer_is_made(name: str) -> None:
    """Broken syntax is found immediately, in the shared templates and in the host's own parts."""
    broken = {name: "{% if %}", "notes.txt": "{% if %}"}
    with pytest.raises(InvalidValue, match=rf"must be templates that can be used .*TemplateSyntaxError.*{name}"):
        renderer(templates=DictLoader(broken))
    if "own" not in name:  # a loader that cannot list its templates is asked for the shipped names
        with pytest.raises(InvalidValue, match=rf"TemplateSyntaxError.*{name}"):
            renderer(templates=FunctionLoader(broken.get))


def test_a_folder_may_hold_other_files(tmp_path: Path) -> None:
    """Only what ends in .j2 is read."""
    (tmp_path / "notes.txt").write_bytes(b"caf\xe9 {% if %}")

    assert RENDERER.text(ASKED) == renderer(templates=tmp_path).text(ASKED)
