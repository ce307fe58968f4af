"""A visitor of the example host without a browser: reads its pages, and fills in their forms as a browser does."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Self
from urllib.parse import urljoin

import attrs
from flask import Flask
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse


@attrs.define
class Form:
    """A form of a page.

    Attributes:
        method: ``get`` or ``post``.
        action: Where it is sent; empty for the address of the page.
        fields: What is filled in at first.
        buttons: Each button's name and value and where it sends the form, by its words.
    """

    method: str
    action: str
    fields: MultiDict[str, str] = attrs.field(factory=MultiDict)
    buttons: dict[str, tuple[str, str, str]] = attrs.field(factory=dict)


class Page(HTMLParser):
    """A page that was answered.

    Attributes:
        status: The HTTP status.
        address: Its address without the host.
        words: What a person reads, in one line.
        forms: Its forms, in order.
    """

    def __init__(self, response: TestResponse) -> None:
        super().__init__()
        self.status, self.address = response.status_code, response.request.full_path.rstrip("?")
        self.html = response.get_data(as_text=True)
        self.forms: list[Form] = []
        self._texts: list[str] = []
        self._button: tuple[str, str, str] | None = None
        self._field = ""
        self.feed(self.html)
        self.words = " ".join(" ".join(self._texts).split())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note forms, buttons and fields."""
        got = {name: value or "" for name, value in attributes}
        match tag:
            case "form":
                self.forms.append(Form(got.get("method", "get"), got.get("action", "")))
            case "button":
                self._button = (got.get("name", ""), got.get("value", ""), got.get("formaction", ""))
            case "input" if got.get("type") not in {"checkbox", "radio"} or "checked" in got:
                self.forms[-1].fields.add(got["name"], got.get("value", ""))
            case "select" | "textarea":
                self._field = got["name"]
            case "option" if "selected" in got or self._field not in self.forms[-1].fields:
                self.forms[-1].fields[self._field] = got["value"]

    def handle_endtag(self, tag: str) -> None:
        """Note where a button or a field ends."""
        if tag == "button":
            self._button = None
        if tag in {"select", "textarea"}:
            self._field = ""

    def handle_data(self, data: str) -> None:
        """Note the words, those of buttons and those in large fields."""
        self._texts.append(data)
        if self._button and data.strip():
            self.forms[-1].buttons.setdefault(data.strip(), self._button)
        elif self._field and self.lasttag == "textarea":
            self.forms[-1].fields[self._field] = data


class Visitor:
    """Somebody with a browser of their own.

    Attributes:
        page: The page that they look at.
    """

    def __init__(self, app: Flask) -> None:
        self._client = app.test_client()
        self.page: Page

    def log_in(self, user: int) -> Self:
        """Choose who one is."""
        self._client.post("/login", data={"user": user, "token": self._token()})
        return self

    def _token(self) -> str:
        with self._client.session_transaction() as session:
            token: str = session.setdefault("token", "a token")
        return token

    def open(self, address: str) -> Page:
        """Open a page, and go where it leads."""
        self.page = Page(self._client.get(address, follow_redirects=True))
        return self.page

    def press(self, button: str, *, at: int = 0, **values: str | list[str]) -> Page:
        """Fill in values, and press a button of this page; of several with the same words, the one *at* a place."""
        form = [form for form in self.page.forms if button in form.buttons][at]
        fields, (name, value, elsewhere) = form.fields.copy(), form.buttons[button]
        for field, text in values.items():
            fields.setlist(field, [text] if isinstance(text, str) else text)
        if name:
            fields.add(name, value)
        address = urljoin(self.page.address, elsewhere or form.action or self.page.address)
        if form.method == "get":
            answer = self._client.get(address.partition("?")[0], query_string=fields, follow_redirects=True)
        else:
            answer = self._client.post(address, data=fields, follow_redirects=True)
        self.page = Page(answer)
        return self.page

    def send(self, address: str, **fields: str | list[str]) -> Page:
        """Send a form that no page made, with the token of this session."""
        fields = {"token": self._token(), **fields}
        return Page(self._client.post(address, data=fields, follow_redirects=True))
