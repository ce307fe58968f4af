"""Sends notices over SMTP, as a `datashare.ports.Notifier`."""

from __future__ import annotations

import contextlib
import smtplib
import threading
from email.message import EmailMessage
from typing import Self

from datashare.domain import validation
from datashare.domain.notices import Notice
from datashare.errors import InvalidValue, Misconfigured
from datashare.ports import Delivered, NeverDeliverable, SendResult, TryAgain

from ._renderer import EmailRenderer
from ._smtp import MailServer, TimedConnection, result_of
from ._values import written_address

_OK, _CLOSING = 250, 421

_REFUSALS = (smtplib.SMTPDataError, smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused)
"""After these the connection still serves the next message, which begins with RSET."""


class EmailNotifier:
    """Sends each notice as one message to one address, and keeps the connection for the next one.

    The mail server's answer decides. An accepted message is `Delivered`. A temporary refusal, a server that cannot be
    reached or does not answer in time, and wrong settings are `TryAgain`. A permanent refusal of the address or the
    message is `NeverDeliverable`, and so is an address that needs SMTPUTF8 if the server does not support it.
    A connection that the server closed between messages is opened again. Everything for one message ends within the
    time-out of the server's settings, however slowly the server answers.

    It is a context manager, which closes the connection. Threads may share it, and then send one after another;
    each process needs its own.
    """

    def __init__(self, renderer: EmailRenderer, server: MailServer) -> None:
        """Send the messages of *renderer* through *server*; the first notice connects.

        Raises:
            Misconfigured: An argument has the wrong type.
        """
        self._renderer = validation.require_a(renderer, EmailRenderer, "renderer", "an EmailRenderer", Misconfigured)
        self._server = validation.require_a(server, MailServer, "server", "a MailServer", Misconfigured)
        self._connection: TimedConnection | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, if there is one; the next notice connects again."""
        with self._lock:
            if self._connection:
                self._connection.until = self._server.deadline()
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    self._connection.quit()
            self._drop()

    def send(self, notice: Notice, /) -> SendResult:
        """Send *notice*, and return what became of it."""
        try:
            recipient = written_address(notice.address, "Notice.address")
        except InvalidValue as exc:
            return NeverDeliverable(str(exc))
        try:
            message = self._renderer.message(notice)
        except InvalidValue as exc:
            return TryAgain(str(exc))  # a host's template, which somebody can correct
        with self._lock:
            return self._send(message, recipient)

    def _send(self, message: EmailMessage, recipient: str) -> SendResult:
        try:
            return self._hand_over(message, recipient, self._server.deadline())
        except (smtplib.SMTPException, OSError, ValueError) as exc:  # ValueError: answers that cannot be read
            if not isinstance(exc, _REFUSALS):
                self._drop()
            return result_of(exc)
        except BaseException:
            self._drop()  # how far the conversation got is unknown
            raise

    def _hand_over(self, message: EmailMessage, recipient: str, until: float) -> SendResult:
        kept = self._connection
        connection = self._connected(until)
        if not recipient.isascii() and not connection.has_extn("smtputf8"):
            return NeverDeliverable(
                "The mail server does not support SMTPUTF8, which the part of the address before the @ needs."
            )
        try:
            # The envelope has the addresses themselves: in headers, names stand beside them.
            connection.send_message(message, from_addr=self._renderer.envelope_sender, to_addrs=[recipient])
        except smtplib.SMTPSenderRefused as exc:
            if exc.smtp_code != _CLOSING or connection is not kept:
                raise
            # The server limits the messages of one connection; it has accepted nothing of this one yet.
            self._drop()
            return self._hand_over(message, recipient, until)
        return Delivered()

    def _connected(self, until: float) -> TimedConnection:
        if not self._connection or not _is_ready(self._connection, until):
            self._drop()
            self._connection = self._server.connect(until)
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.close()


def _is_ready(connection: TimedConnection, until: float) -> bool:
    """Return whether the server still listens; after the message it would be too late to find out.

    RSET also makes it forget the message before, which a refusal of the command DATA leaves half begun.
    """
    connection.until = until
    try:
        code, _ = connection.rset()
    except (smtplib.SMTPException, OSError):
        return False
    return code == _OK
