"""A host puts templates of its own in place of those that come along, one by one, within bounds."""

from pathlib import Path

import attrs
import pytest
from jinja2 import DictLoader, FunctionLoader

from datashare.adapters.email import EmailRenderer
from datashare.domain.notices import NoticeKind
from datashare.errors import InvalidValue
from tests.adapters.email.servers import letters
from tests.adapters.email.test_words import notice

ASKED = notice(NoticeKind.REQUEST)
SUBJECT = '{% extends layout %}{% block subject %}{{ group }}: {{ "a < b" }}\n &{% endblock %}'


def test_one_template_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    """A folder with one template changes the messages of that kind alone."""
    (tmp_path / "request.j2").write_text(SUBJECT, encoding="utf-8")
    own = letters(templates=tmp_path)
    reminder = notice(NoticeKind.REMINDER)

    assert "Areté Learning Trust: a < b &" == own.subject(ASKED)
    assert letters().subject(reminder) == own.subject(reminder)
    assert letters().html(reminder) == own.html(reminder)
    assert own.subject(ASKED) == letters(templates=str(tmp_path)).subject(ASKED)


def test_words_may_be_put_before_those_that_come_along() -> None:
    """A template that is replaced can still be extended, under the name of this library."""
    own = letters(
        templates=DictLoader(
            {
                "request.j2": (
                    '{% extends "datashare/request.j2" %}'
                    "{% block ask %}Call <b>{{ group }}</b>. {{ super() }}{% endblock %}"
                )
            }
        )
    )

    assert "Call <b>Areté Learning Trust</b>. Questions? Ask Ana Ćosić at" in own.text(ASKED)
    assert "Call <b><bdi>Areté Learning Trust</bdi></b>. Questions? Ask <bdi>Ana" in own.html(ASKED)
    assert letters().subject(ASKED) == own.subject(ASKED)


def test_a_layout_may_be_replaced() -> None:
    """The order of the words is a template as well, one for each medium."""
    own = letters(
        templates=DictLoader({"layout.text.j2": "{% block says %}{% endblock %}\n\n\n\n{{ kind }} {{ urn }}"})
    )

    assert own.text(ASKED).strip().endswith("\n\nrequest 100000")
    assert letters().html(ASKED) == own.html(ASKED)


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
def test_a_template_that_does_what_it_may_not_is_told(source: str) -> None:
    """Reaching out of the sandbox, unknown names and plain mistakes are errors in words, that name the template."""
    body = "{% extends layout %}{% block says %}" + source + "{% endblock %}"
    own = letters(templates=DictLoader({"request.j2": body}))

    with pytest.raises(InvalidValue, match=r"EmailRenderer.templates must be templates that can be used .*request\.j2"):
        own.text(ASKED)
    assert letters().text(notice(NoticeKind.ENDED)) == own.text(notice(NoticeKind.ENDED))


@pytest.mark.rule("O5")
def test_a_value_is_never_a_template() -> None:
    """Template syntax in a name is shown as it is, by a host's own template as well."""
    own = letters(templates=DictLoader({"request.j2": SUBJECT}))

    assert "{{ 7 * 7 }}: a < b &" == own.subject(attrs.evolve(ASKED, group_name="{{ 7 * 7 }}"))


def test_what_is_no_template_is_refused_at_once(tmp_path: Path) -> None:
    """Broken syntax, bytes that are no text, and a folder that is not there are found when letters are made."""
    (tmp_path / "ended.j2").write_text("{% block %}", encoding="utf-8")
    (tmp_path / "latin").mkdir()
    (tmp_path / "latin" / "layout.html.j2").write_bytes(b"caf\xe9")

    with pytest.raises(InvalidValue, match=r"TemplateSyntaxError.*ended\.j2"):
        letters(templates=tmp_path)
    with pytest.raises(InvalidValue, match=r"UnicodeDecodeError.*layout\.html\.j2"):
        letters(templates=tmp_path / "latin")
    for nothing in (tmp_path / "missing", str(tmp_path / "ended.j2"), 7):
        with pytest.raises(InvalidValue, match="a folder that is there"):
            letters(templates=nothing)


@pytest.mark.parametrize("name", ["foot.j2", "answer.j2", "words.j2", "questions.j2", "parts/own.j2"])
def test_every_template_is_read_when_letters_are_made(name: str) -> None:
    """Broken syntax is found at once, in those that several messages share and in those of the host's own too."""
    broken = {name: "{% if %}", "notes.txt": "{% if %}"}
    with pytest.raises(InvalidValue, match=rf"must be templates that can be used .*TemplateSyntaxError.*{name}"):
        letters(templates=DictLoader(broken))
    if "own" not in name:  # a loader that cannot list what it has is asked for those that come along
        with pytest.raises(InvalidValue, match=rf"TemplateSyntaxError.*{name}"):
            letters(templates=FunctionLoader(broken.get))


def test_files_that_are_no_templates_may_lie_beside_them(tmp_path: Path) -> None:
    """Only what ends in .j2 is read."""
    (tmp_path / "notes.txt").write_bytes(b"caf\xe9 {% if %}")

    assert letters().text(ASKED) == letters(templates=tmp_path).text(ASKED)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sender": "nobody"}, "EmailRenderer.sender must be an email address"),
        ({"sender": "größe@trust.example"}, "EmailRenderer.sender must be an email address that is ASCII"),
        ({"sender": "a@b.example\r\nBcc: c@d.example"}, "EmailRenderer.sender must be an email address"),
        ({"sender_name": 7}, "EmailRenderer.sender_name must be text"),
        ({"id_domain": "trust example"}, "EmailRenderer.id_domain must be a name"),
        ({"id_domain": None}, "EmailRenderer.id_domain must be a name"),
        ({"list_id": "<x>\r\nBcc: y"}, "EmailRenderer.list_id must be a name"),
        ({"list_id": ""}, "EmailRenderer.list_id must be a name"),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object], message: str) -> None:
    """Each is refused when letters are made, in words."""
    with pytest.raises(InvalidValue, match=message):
        letters(**settings)


def test_ids_end_in_the_senders_domain_unless_another_is_named() -> None:
    """A host with several senders can keep to one domain."""
    assert f"<{ASKED.id}@xn--strae-oqa.example>" == letters(sender="a@straße.example").message(ASKED)["Message-ID"]
    assert f"<{ASKED.id}@mail.example>" == letters(id_domain="mail.example").message(ASKED)["Message-ID"]
    odd = attrs.evolve(ASKED, id="a b>, <c@d.example")
    assert "<a%20b%3E%2C%20%3Cc%40d.example@trust.example>" == letters().message(odd)["Message-ID"]


def test_letters_need_a_sender_alone() -> None:
    """Without a name only the address is shown."""
    assert "no-reply@trust.example" == EmailRenderer(sender="no-reply@trust.example").message(ASKED)["From"]
