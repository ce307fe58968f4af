"""Where the mail server is, and how to talk to it."""

from __future__ import annotations

import enum
import ipaddress
import re
import ssl
import time
from datetime import timedelta
from typing import Any

import attrs

from datashare.domain import validation
from datashare.errors import InvalidValue

from ._connection import TimedConnection, TimedTlsConnection

_LONGEST_TIMEOUT = timedelta(minutes=10)
_LONGEST_NAME = 253
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_LITERAL = re.compile(r"\[[0-9A-Fa-f.:]+\]|\[IPv6:[0-9A-Fa-f.:]+\]")


class Security(enum.Enum):
    """How the connection to a mail server is kept secret."""

    STARTTLS = "starttls"
    """Begun in the clear and encrypted before anything is said; a server that cannot is not talked to."""
    IMPLICIT_TLS = "implicit_tls"
    """Encrypted from the beginning."""
    NONE = "none"
    """Not at all: for a server on the same machine."""

    __hash__ = object.__hash__


_PORTS = {Security.STARTTLS: 587, Security.IMPLICIT_TLS: 465, Security.NONE: 25}


@attrs.frozen(kw_only=True)
class MailServer:
    """A mail server that takes messages over: its address, and what it wants to know.

    Attributes:
        host: Its name, which its certificate must bear, in ASCII; or its IP address.
        security: How the connection is kept secret.
        port: Its port; by *security* 587, 465 or 25, if none is named.
        username: Whom to log in as; nobody, if none is named. It needs an encrypted connection, or a server on the
            same machine.
        password: The password, in ASCII; never shown.
        timeout: How long one message may take, from connecting to the last answer; up to ten minutes. Not counted is
            the time in which the system looks up the name, and each of several addresses is tried for so long. Keep
            it well below the lease of `datashare.delivery.deliver`.
        context: Which certificates to trust; those that the machine trusts, if none is named.
        own_name: What to call this machine in the greeting, a name or an IP address in brackets; what the machine
            says, if none is named.
    """

    host: str = attrs.field()
    security: Security = attrs.field(default=Security.STARTTLS, validator=validation.member(Security))
    port: int = attrs.field()
    username: str | None = attrs.field(default=None)
    password: str | None = attrs.field(default=None, repr=False)
    timeout: timedelta = attrs.field(default=timedelta(minutes=1))
    context: ssl.SSLContext | None = attrs.field(
        default=None, repr=False, validator=validation.is_a((ssl.SSLContext, type(None)), "an ssl.SSLContext or None")
    )
    own_name: str | None = attrs.field(default=None)

    @host.validator
    def _check_host(self, _attribute: attrs.Attribute[Any], value: object) -> None:
        if not (_is_name(value) or _is_address(value)):
            raise InvalidValue(
                "MailServer.host", value, "a name such as smtp.trust.example, in ASCII, or an IP address"
            )

    @own_name.validator
    def _check_own_name(self, _attribute: attrs.Attribute[Any], value: object) -> None:
        if value is not None and not (_is_name(value) or _LITERAL.fullmatch(str(value))):
            raise InvalidValue("MailServer.own_name", value, "a name such as mis.trust.example, in ASCII")

    @port.default
    def _usual_port(self) -> int:
        return _PORTS.get(self.security, 0)

    @port.validator
    def _check_port(self, _attribute: attrs.Attribute[Any], value: object) -> None:
        if type(value) is not int or not 1 <= value <= 65_535:
            raise InvalidValue("MailServer.port", value, "a port: a whole number from 1 to 65535")

    @password.validator
    def _check_credentials(self, _attribute: attrs.Attribute[Any], password: object) -> None:
        for what, value in (("username", self.username), ("password", password)):
            if value is not None and not (isinstance(value, str) and value.isascii() and value.isprintable()):
                raise InvalidValue(f"MailServer.{what}", "…", "printable ASCII text, as the protocol needs it")
        if (self.username is None) != (password is None):
            raise InvalidValue("MailServer.username and password", "one of them", "both there or both left out")
        if password is not None and self.security is Security.NONE and not _is_this_machine(self.host):
            raise InvalidValue("MailServer.security", self.security, "encrypted where a password is sent to elsewhere")

    @timeout.validator
    def _check_timeout(self, _attribute: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, timedelta) or not timedelta(0) < value <= _LONGEST_TIMEOUT:
            raise InvalidValue("MailServer.timeout", value, f"a timedelta above 0, up to {_LONGEST_TIMEOUT}")

    def deadline(self) -> float:
        """Tell by which moment a message that is begun now must be sent, on the clock of `time.monotonic`."""
        return time.monotonic() + self.timeout.total_seconds()

    def connect(self, until: float) -> TimedConnection:
        """Connect, encrypt and log in; a failure on the way leaves no connection open.

        Args:
            until: The moment to give up at, on the clock of `time.monotonic`.

        Raises:
            smtplib.SMTPException: The server does not want, or cannot do what is asked.
            OSError: It cannot be reached, does not answer in time, or its certificate is not trusted.
            ValueError: It answers what nobody can read.
        """
        connection = self._opened(until)
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

    def _opened(self, until: float) -> TimedConnection:
        if self.security is Security.IMPLICIT_TLS:
            return TimedTlsConnection(self.host, self.port, self.own_name, until=until, context=self._trusted())
        return TimedConnection(self.host, self.port, self.own_name, until=until)

    def _trusted(self) -> ssl.SSLContext:
        return self.context or ssl.create_default_context()


def _is_name(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_NAME and _NAME.fullmatch(value) is not None


def _is_address(value: object) -> bool:
    try:
        ipaddress.ip_address(str(value))
    except ValueError:
        return False
    return isinstance(value, str)


def _is_this_machine(host: str) -> bool:
    """Tell whether what is sent to *host* stays on this machine."""
    return host.lower() == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)
