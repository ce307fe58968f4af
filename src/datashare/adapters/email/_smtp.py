"""The mail server: where it is, conversations with it that end in time, and what its answers mean (O3)."""

from __future__ import annotations

import enum
import io
import ipaddress
import re
import smtplib
import socket
import ssl
import time
from datetime import timedelta
from typing import Annotated, Any

import attrs

from datashare.domain.validation import Rule, matching, validated_setting, whole_number
from datashare.errors import Misconfigured
from datashare.ports import NeverDeliverable, SendResult, TryAgain

_LONGEST_TIMEOUT = timedelta(minutes=10)
_LONGEST_NAME = 253
_NAME = r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?"
_LITERAL = r"\[(IPv6:)?[0-9A-Fa-f.:]+\]"


class Security(enum.Enum):
    """How the connection to a mail server is kept secret."""

    STARTTLS = "starttls"
    """It begins in the clear and is encrypted before anything is sent; a server that cannot do that gets nothing."""
    IMPLICIT_TLS = "implicit_tls"
    """It is encrypted from the beginning."""
    NONE = "none"
    """It is not encrypted: for a server on the same machine."""


_PORTS = {Security.STARTTLS: 587, Security.IMPLICIT_TLS: 465, Security.NONE: 25}


def _is_address(value: object) -> bool:
    try:
        ipaddress.ip_address(str(value))
    except ValueError:
        return False
    return isinstance(value, str)


def _is_this_machine(host: str) -> bool:
    return host.lower() == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


_A_NAME = matching(_NAME, "a name such as smtp.trust.example, in ASCII", longest=_LONGEST_NAME)
_HOST = Rule(f"{_A_NAME.expected}, or an IP address", lambda value: _A_NAME.accepts(value) or _is_address(value))
_OWN_NAME = matching(
    f"{_NAME}|{_LITERAL}",
    "a name such as mis.trust.example, in ASCII, or an IP address in brackets",
    longest=_LONGEST_NAME,
)
_TIMEOUT = Rule(
    f"a timedelta above 0, up to {_LONGEST_TIMEOUT}",
    lambda value: isinstance(value, timedelta) and timedelta(0) < value <= _LONGEST_TIMEOUT,
)
_Secret = Annotated[str, Rule("text", lambda _value: True)]
"""`MailServer` itself checks it, since the error of a rule shows the value."""


@attrs.frozen(kw_only=True, field_transformer=validated_setting)
class MailServer:
    """A mail server that accepts messages: its address, and how to connect to it.

    Attributes:
        host: Its name in ASCII, which its certificate must bear, or its IP address.
        security: How the connection is kept secret.
        port: Its port; by default 587, 465 or 25, depending on *security*.
        username: The user to log in as; by default there is no login. A login needs an encrypted connection, or a
            server on the same machine.
        password: The password, in ASCII; it is never shown.
        timeout: How long one message may take, from connecting to the last answer; up to ten minutes. It does not cover
            the look-up of the host's name, and each of several addresses gets this time. Keep it well below the lease
            of `datashare.delivery.deliver`.
        context: Which certificates to trust; by default those that the machine trusts.
        own_name: The name of this machine in the greeting, or its IP address in brackets; by default the machine's own
            name.
    """

    host: Annotated[str, _HOST]
    security: Security = Security.STARTTLS
    port: Annotated[int, whole_number(1, 65_535)] = attrs.field()
    username: _Secret | None = None
    password: _Secret | None = attrs.field(default=None, repr=False)
    timeout: Annotated[timedelta, _TIMEOUT] = timedelta(minutes=1)
    context: ssl.SSLContext | None = attrs.field(default=None, repr=False)
    own_name: Annotated[str, _OWN_NAME] | None = None

    @port.default
    def _usual_port(self) -> int:
        return _PORTS.get(self.security, 0)

    @password.validator
    def _check_credentials(self, _attribute: attrs.Attribute[Any], password: object) -> None:
        for what, value in (("username", self.username), ("password", password)):
            if value is not None and not (isinstance(value, str) and value.isascii() and value.isprintable()):
                raise Misconfigured(f"MailServer.{what}", "…", "printable ASCII text, as the protocol needs it")
        if (self.username is None) != (password is None):
            raise Misconfigured("MailServer.username and password", "only one", "both set or both left out")
        if password is not None and self.security is Security.NONE and not _is_this_machine(self.host):
            raise Misconfigured("MailServer.security", self.security, "encrypted to send a password to another machine")

    def deadline(self) -> float:
        """Return the moment by which a message that begins now must be sent, on the clock of `time.monotonic`."""
        return time.monotonic() + self.timeout.total_seconds()

    def connect(self, until: float) -> TimedConnection:
        """Connect, encrypt and log in. A failure on the way leaves no connection open.

        Args:
            until: The moment to give up, on the clock of `time.monotonic`.

        Raises:
            smtplib.SMTPException: The server refuses, or does not support what the settings require.
            OSError: It cannot be reached, does not answer in time, or its certificate is not trusted.
            ValueError: Its answer cannot be read.
        """
        implicit = self._trusted() if self.security is Security.IMPLICIT_TLS else None
        connection = TimedConnection(self.host, self.port, self.own_name, until=until, implicit_tls=implicit)
        try:
            if self.security is Security.STARTTLS:
                connection.starttls(context=self._trusted())
            if self.username is not None and self.password is not None:
                connection.login(self.username, self.password)
            connection.ehlo_or_helo_if_needed()
        except BaseException:
            connection.close()
            raise
        return connection

    def _trusted(self) -> ssl.SSLContext:
        return self.context or ssl.create_default_context()


# Conversations that end in time

_TLS_RECORD = 16_384
"""TLS encrypts this much at once; a longer text is written in several steps, each with a time-out of its own."""


class TimedConnection(smtplib.SMTP):
    """A conversation with a mail server that ends by a set moment, however slowly the server answers.

    The standard library's time-out is for each piece that it reads or writes, so a server that sends a byte now and
    then can hold it up for ever. Here each piece gets only the time that is left.

    Attributes:
        until: The moment when it gives up, on the clock of `time.monotonic`.
    """

    def __init__(
        self, host: str, port: int, own_name: str | None, *, until: float, implicit_tls: ssl.SSLContext | None = None
    ) -> None:
        """Connect, encrypt from the beginning if *implicit_tls* is there, and read the greeting.

        Raises:
            smtplib.SMTPException: The server refuses.
            OSError: It cannot be reached, does not greet in time, or its certificate is not trusted.
        """
        self.until = until
        self._implicit_tls = implicit_tls
        super().__init__(host, port, own_name, timeout=self.left())

    def left(self) -> float:
        """Return how many seconds are left.

        Raises:
            TimeoutError: The time is up.
        """
        seconds = self.until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("timed out")
        return seconds

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]  # not in its stub
        if self._implicit_tls is None:
            return plain
        try:
            plain.settimeout(self.left())
            return self._implicit_tls.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise

    def send(self, s: Any) -> None:  # noqa: ANN401 - as in the standard library
        """Write *s* piece by piece."""
        data = s.encode(self.command_encoding) if isinstance(s, str) else s
        for start in range(0, len(data), _TLS_RECORD):
            if self.sock:
                self.sock.settimeout(self.left())
            super().send(data[start : start + _TLS_RECORD])

    def getreply(self) -> tuple[int, bytes]:
        """Read one answer."""
        if self.file is None and self.sock:
            self.file: Any = io.BufferedReader(_TimedReader(self, self.sock))
        return super().getreply()


class _TimedReader(io.RawIOBase):
    """Reads what a server says, and waits for each piece only as long as there is time."""

    def __init__(self, connection: TimedConnection, source: socket.socket) -> None:
        self._connection = connection
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a writable buffer, which has no type in Python 3.11
        self._source.settimeout(self._connection.left())
        return self._source.recv_into(buffer)


# What answers mean

_HOST_CODES = {502, 503, 504, 523, 530, 534, 535, 538}
"""Protocol, encryption, authentication: another address or message would not help (RFC 4954, RFC 5321)."""

_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
"""The enhanced status of RFC 3463, with which most servers begin their words."""

_HOST_STATUS = re.compile(r"5\.(1\.[78]|5\.\d+|7\.\d+)\b")
"""The sender's address; the protocol; security and policy, such as relaying or SPF (RFC 3463)."""

_HOST_WORDS = re.compile(r"\b(relay\w*|authenticat\w*|encrypt\w*|starttls|sender|helo|ehlo|rcpthosts)\b", re.IGNORECASE)
"""Words about the host, where there is no status. If they were about an address after all, the notice waits longer."""

_ADDRESSES = re.compile(r"\S+@\S+")

_TOO_LARGE = 552
"""The answer to the sender's command, which names the size of the message (RFC 1870)."""


def result_of(error: Exception) -> SendResult:
    """Return what becomes of a notice that failed with *error*.

    Only a permanent refusal of the address or the message gives the notice up. A fault in the host's own set-up, such
    as a password, a certificate or a server that does not relay, leaves it waiting until somebody has corrected that.
    """
    match error:
        case smtplib.SMTPRecipientsRefused(recipients=refused):
            return _refused("the address", *next(iter(refused.values())))
        case smtplib.SMTPSenderRefused(smtp_code=code, smtp_error=answer) if code == _TOO_LARGE:
            return _refused("the message", code, answer)
        case smtplib.SMTPSenderRefused(smtp_code=code, smtp_error=answer, sender=sender):
            return TryAgain(
                f"The mail server refuses messages from {sender}: {_quoted(code, answer)}. Check EmailRenderer.sender."
            )
        case smtplib.SMTPDataError(smtp_code=code, smtp_error=answer):
            return _refused("the message", code, answer)
        case smtplib.SMTPAuthenticationError(smtp_code=code, smtp_error=answer):
            return TryAgain(f"The mail server refused the user name or password: {_quoted(code, answer)}.")
        case smtplib.SMTPResponseException(smtp_code=code, smtp_error=answer):
            return TryAgain(f"The mail server refused the connection: {_quoted(code, answer)}.")
        case smtplib.SMTPNotSupportedError():
            return TryAgain(f"The mail server does not support what the settings require: {error}")
        case ssl.SSLCertVerificationError():
            return TryAgain(f"The mail server's certificate is not trusted: {error.verify_message}.")
        case _ if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
            return TryAgain("The mail server did not answer in time.")  # smtplib makes it a disconnection
        case _:
            return TryAgain(f"The conversation with the mail server failed: {type(error).__name__}: {error}")


def _refused(what: str, code: int, answer: bytes | str) -> SendResult:
    words = _text(answer)
    about_the_host = (
        _HOST_STATUS.match(words) if _STATUS.match(words) else _HOST_WORDS.search(_ADDRESSES.sub("", words))
    )
    is_final = 500 <= code <= 599 and code not in _HOST_CODES and not about_the_host
    return (NeverDeliverable if is_final else TryAgain)(f"The mail server refused {what}: {_quoted(code, answer)}.")


def _quoted(code: int, answer: bytes | str) -> str:
    return f"{code} {' '.join(_text(answer).split())}".strip().removesuffix(".")


def _text(answer: bytes | str) -> str:
    return answer if isinstance(answer, str) else answer.decode(errors="replace")
