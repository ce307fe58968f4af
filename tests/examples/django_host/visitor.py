"""Somebody who uses the pages as a browser without scripts does: they open pages, fill forms in and press buttons."""

from html.parser import HTMLParser

import attrs
from django.contrib.auth.models import User
from django.test import Client

PASSWORD = "correct horse"  # noqa: S105 - of people who are made up

Fields = dict[str, list[str]]


class Forms(HTMLParser):
    """The forms of a page: their actions, and what they send if nothing is changed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[tuple[str, Fields]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a form, or a field of it."""
        values = dict(attrs)
        if tag == "form":
            self.forms.append((values.get("action") or "", {}))
        elif tag == "input" and values.get("type") == "hidden" and self.forms:
            self.forms[-1][1].setdefault(values["name"] or "", []).append(values.get("value") or "")


def new_client() -> Client:
    """Return a browser that is treated as strictly as any, and sees the page of an error."""
    return Client(enforce_csrf_checks=True, raise_request_exception=False, headers={"host": "localhost"})


@attrs.define
class Visitor:
    """Somebody with a browser, and the page that it shows."""

    client: Client = attrs.field(factory=new_client)
    status: int = 0
    page: str = ""

    @classmethod
    def called(cls, username: str) -> "Visitor":
        """Log somebody in, past the page for that."""
        visitor = cls()
        visitor.client.force_login(User.objects.get(username=username))
        return visitor

    def open(self, address: str) -> "Visitor":
        """Open a page."""
        answer = self.client.get(address, follow=True)
        return self._show(answer.status_code, answer.content)

    def submit(self, action: str, **values: object) -> "Visitor":
        """Press the button of a form of the page, with what is hidden in it and some values."""
        (fields,) = (fields for sent_to, fields in Forms(self.page).forms if sent_to == action)
        answer = self.client.post(action, {**fields, **values}, follow=True)
        return self._show(answer.status_code, answer.content)

    def _show(self, status: int, content: bytes) -> "Visitor":
        self.status, self.page = status, content.decode()
        return self
