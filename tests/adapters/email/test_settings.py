"""Settings of the mail server and of messages are checked when they are made, and never show a password."""

from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from datashare.adapters.email import EmailNotifier, EmailRenderer, MaildirNotifier, MailServer, Security
from datashare.domain.notices import NoticeKind
from datashare.errors import InvalidValue
from tests.adapters.email.notices import ASKED, RENDERER, notice, renderer
from tests.adapters.email.servers import PASSWORD, USER


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"host": ""}, id="no host"),
        pytest.param({"host": "mx.example\r\nQUIT"}, id="host of two lines"),
        pytest.param({"host": "mx..example"}, id="host with an empty label"),
        pytest.param({"host": ".".join(["x" * 50] * 6)}, id="long host"),
        pytest.param({"host": "bücher.example"}, id="host outside ASCII"),
        pytest.param({"host": 2_130_706_433}, id="host as a number"),
        pytest.param({"port": 65_536}, id="port too large"),
        pytest.param({"port": True}, id="port as a flag"),
        pytest.param({"security": "starttls"}, id="security as text"),
        pytest.param({"username": "me"}, id="no password"),
        pytest.param({"password": "me", "username": "mé"}, id="user name not ASCII"),
        pytest.param({"username": "me", "password": "a\r\nb"}, id="password of two lines"),
        pytest.param({"username": "me", "password": b"me"}, id="password as bytes"),
        pytest.param({"timeout": timedelta(0)}, id="no time"),
        pytest.param({"timeout": timedelta(minutes=10, microseconds=1)}, id="too much time"),
        pytest.param({"context": "none"}, id="no context"),
        pytest.param({"own_name": "mis.example x"}, id="name of two words"),
        pytest.param({"own_name": 7}, id="name as a number"),
    ],
)
def test_an_invalid_server_is_refused(settings: dict[str, Any]) -> None:
    """The message names the setting, before anything is sent."""
    with pytest.raises(InvalidValue, match=rf"MailServer\..*{[*settings][-1]}.* must be"):
        MailServer(**{"host": "mx.example", **settings})


def test_a_password_is_never_shown() -> None:
    """Neither the settings nor the error about them show it."""
    with pytest.raises(InvalidValue, match=r"MailServer\.password must be") as refused:
        MailServer(host="mx.example", username="me", password="pässword")  # noqa: S106

    assert "pässword" not in str(refused.value)
    assert "secret" not in repr(MailServer(host="mx.example", username="me", password="secret"))  # noqa: S106


@pytest.mark.parametrize("host", ["smtp.remote.example", "127.0.0.1.example", "192.0.2.1", "2001:db8::1"])
def test_no_password_goes_to_another_machine_in_the_clear(host: str) -> None:
    """It is refused when the settings are made, without showing it."""
    settings: dict[str, Any] = {"host": host, "username": USER, "password": PASSWORD}
    with pytest.raises(InvalidValue, match=r"MailServer\.security must be encrypted") as refused:
        MailServer(**settings, security=Security.NONE)

    assert PASSWORD not in str(refused.value)
    assert host == MailServer(**settings).host


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1"])
def test_a_password_may_stay_on_this_machine(host: str) -> None:
    """A server on the same machine needs no encryption."""
    assert host == MailServer(host=host, security=Security.NONE, username=USER, password=PASSWORD).host


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("implicit_tls", 465), ("none", 25)])
def test_the_usual_port_is_taken(security: str, port: int) -> None:
    """A port need not be named."""
    assert port == MailServer(host="mx.example", security=Security(security)).port


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sender": "nobody"}, "EmailRenderer.sender must be an email address"),
        ({"sender": "größe@trust.example"}, "EmailRenderer.sender must be an email address that is ASCII"),
        ({"sender": "a@b.example\r\nBcc: c@d.example"}, "EmailRenderer.sender must be an email address"),
        ({"sender_name": 7}, "EmailRenderer.sender_name must be text"),
        ({"id_domain": "trust example"}, "EmailRenderer.id_domain must be a name"),
        ({"list_id": "<x>\r\nBcc: y"}, "EmailRenderer.list_id must be a name"),
        ({"templates": 7}, "EmailRenderer.templates must be "),
    ],
    ids=count(),
)
def test_an_invalid_renderer_is_refused(settings: dict[str, Any], message: str) -> None:
    """The message names the setting and says what it must be."""
    with pytest.raises(InvalidValue, match=message):
        renderer(**settings)


def test_ids_end_in_the_senders_domain_unless_another_is_named() -> None:
    """A host with several senders can keep to one domain; an id with marks of its own is quoted."""
    assert f"<{ASKED.id}@xn--strae-oqa.example>" == renderer(sender="a@straße.example").message(ASKED)["Message-ID"]
    assert f"<{ASKED.id}@mail.example>" == renderer(id_domain="mail.example").message(ASKED)["Message-ID"]
    marked = notice(NoticeKind.REQUEST, id="a b>, <c@d.example")
    assert "<a%20b%3E%2C%20%3Cc%40d.example@trust.example>" == RENDERER.message(marked)["Message-ID"]


def test_a_renderer_needs_a_sender_alone() -> None:
    """Without a name only the address is shown."""
    assert "no-reply@trust.example" == EmailRenderer(sender="no-reply@trust.example").message(ASKED)["From"]


def test_notifiers_are_made_of_a_renderer() -> None:
    """Anything else is refused immediately, and so is anything but a server."""
    wrong: Any = "localhost"
    with pytest.raises(InvalidValue, match="renderer must be an EmailRenderer"):
        EmailNotifier(wrong, MailServer(host="mx.example"))
    with pytest.raises(InvalidValue, match="server must be a MailServer"):
        EmailNotifier(RENDERER, wrong)
    with pytest.raises(InvalidValue, match="renderer must be an EmailRenderer"):
        MaildirNotifier(wrong, "mail")
