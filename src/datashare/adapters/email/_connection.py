"""Connections that end by a moment, however slowly a mail server answers.

The standard library has a time-out for each piece that it reads or writes, so that a server which sends a letter now
and then is waited for without end. Here each of them gets the time that is left.
"""

from __future__ import annotations

import io
import smtplib
import socket
import ssl
import time
from typing import Any

_PIECE = 16_384
"""What TLS encrypts at once; a longer text is written in several steps, each with a time-out of its own."""


class TimedConnection(smtplib.SMTP):
    """A conversation with a mail server in the clear, or encrypted later.

    Attributes:
        until: The moment, on the clock of `time.monotonic`, after which nothing is waited for any more.
    """

    def __init__(self, host: str, port: int, own_name: str | None, *, until: float) -> None:
        """Connect, and hear the greeting.

        Raises:
            smtplib.SMTPException: The server does not want.
            OSError: It cannot be reached, or has not greeted by then.
        """
        self.until = until
        super().__init__(host, port, own_name, timeout=self.left())

    def left(self) -> float:
        """Tell how many seconds are left.

        Raises:
            TimeoutError: None is.
        """
        seconds = self.until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("timed out")
        return seconds

    def send(self, s: Any) -> None:  # noqa: ANN401 - as the standard library has it
        """Write *s*, piece by piece."""
        data = s.encode(self.command_encoding) if isinstance(s, str) else s
        for at in range(0, len(data), _PIECE):
            if self.sock:
                self.sock.settimeout(self.left())
            super().send(data[at : at + _PIECE])

    def getreply(self) -> tuple[int, bytes]:
        """Read one answer."""
        if self.file is None and self.sock:
            self.file = io.BufferedReader(_Heard(self, self.sock))
        return super().getreply()


class TimedTlsConnection(TimedConnection):
    """One that is encrypted from the beginning."""

    def __init__(self, host: str, port: int, own_name: str | None, *, until: float, context: ssl.SSLContext) -> None:
        """Connect, encrypt, and hear the greeting.

        Raises:
            smtplib.SMTPException: The server does not want.
            OSError: It cannot be reached, has not greeted by then, or its certificate is not trusted.
        """
        self._context = context
        super().__init__(host, port, own_name, until=until)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]  # not in its stub
        try:
            plain.settimeout(self.left())
            return self._context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise


class _Heard(io.RawIOBase):
    """What a server says, each piece of it waited for as long as there is time."""

    def __init__(self, connection: TimedConnection, source: socket.socket) -> None:
        self._connection = connection
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a writable buffer, which has no type in Python 3.11
        self._source.settimeout(self._connection.left())
        return self._source.recv_into(buffer)
