"""Sends notices over SMTP, as a `datashare.ports.Notifier`."""

from __future__ import annotations

import contextlib
import smtplib
import threading
from email.message import EmailMessage
from types import TracebackType
from typing import Self

from datashare.domain import validation
from datashare.domain.notices import Notice
from datashare.errors import InvalidValue
from datashare.ports import Delivered, NeverDeliverable, SendResult, TryAgain

from ._addresses import written_address
from ._answers import answer_to
from ._connection import TimedConnection
from ._letters import EmailRenderer
from ._server import MailServer

_OK, _CLOSING = 250, 421

_REFUSALS = (smtplib.SMTPDataError, smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused)
"""After these the connection serves the next message, which begins by clearing away what is left of this one."""


class EmailNotifier:
    """Sends each notice as one message to one address, over a connection that is kept for the next one.

    What the mail server says decides: taken over is `Delivered`; a temporary refusal, a server that cannot be
    reached or does not answer in time, and whatever is wrong with the settings is `TryAgain`; a permanent refusal
    of the address or the message is `NeverDeliverable`, and so is an address that needs SMTPUTF8 of a server that
    does not know it. A connection that the server closed between messages is opened again. All that belongs to one
    message ends within the time-out of *server*, however slowly the server answers.

    It is a context manager, which closes the connection. It may be shared by threads, which then send one after
    another; processes need one each.
    """

    def __init__(self, letters: EmailRenderer, server: MailServer) -> None:
        """Send what *letters* makes by way of *server*; nothing is connected yet.

        Raises:
            InvalidValue: One of them is something else.
        """
        self._letters = validation.require_a(letters, EmailRenderer, "letters", "EmailRenderer")
        self._server = validation.require_a(server, MailServer, "server", "a MailServer")
        self._connection: TimedConnection | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Say goodbye to the server, if it is connected; the next notice would connect again."""
        with self._lock:
            self._hang_up()

    def send(self, notice: Notice, /) -> SendResult:
        """Send *notice*, and tell what became of it."""
        try:
            written_address(notice.address, "Notice.address")
        except InvalidValue as exc:
            return NeverDeliverable(str(exc))
        try:
            message = self._letters.message(notice)
        except InvalidValue as exc:
            return TryAgain(str(exc))  # a host's template: mended sooner or later
        with self._lock:
            return self._send(message)

    def _send(self, message: EmailMessage) -> SendResult:
        try:
            return self._hand_over(message, self._server.deadline())
        except (smtplib.SMTPException, OSError, ValueError) as exc:  # ValueError: answers that nobody can read
            if not isinstance(exc, _REFUSALS):
                self._drop()
            return answer_to(exc)
        except BaseException:
            self._drop()  # nobody knows how far the conversation got
            raise

    def _hand_over(self, message: EmailMessage, until: float) -> SendResult:
        kept = self._connection
        connection = self._connected(until)
        recipient = str(message["To"])
        if not recipient.isascii() and not connection.has_extn("smtputf8"):
            return NeverDeliverable("The mail server does not know SMTPUTF8, which the part before the @ needs.")
        try:
            connection.send_message(message, to_addrs=[recipient])
        except smtplib.SMTPSenderRefused as exc:
            if exc.smtp_code != _CLOSING or connection is not kept:
                raise
            # Enough messages for one connection: nothing of this one was taken over yet.
            self._drop()
            return self._hand_over(message, until)
        return Delivered()

    def _connected(self, until: float) -> TimedConnection:
        if self._connection and not _is_ready(self._connection, until):
            self._drop()
        if not self._connection:
            self._connection = self._server.connect(until)
        return self._connection

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.until = self._server.deadline()
            with contextlib.suppress(smtplib.SMTPException, OSError):
                connection.quit()
            connection.close()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.close()


def _is_ready(connection: TimedConnection, until: float) -> bool:
    """Ask whether the server still listens, since after the message it would be too late to tell.

    With the same question it forgets the message before, which a refusal of the command DATA leaves half begun.
    """
    connection.until = until
    try:
        code, _ = connection.rset()
    except (smtplib.SMTPException, OSError):
        return False
    return code == _OK
