"""Where the mail server is, and how to talk to it."""

from __future__ import annotations

import enum
import smtplib
import ssl
from datetime import timedelta
from typing import Any

import attrs

from datashare.domain import checks
from datashare.errors import InvalidValue

_LONGEST_TIMEOUT = timedelta(minutes=10)


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
        host: Its name, which its certificate must bear.
        security: How the connection is kept secret.
        port: Its port; by *security* 587, 465 or 25, if none is named.
        username: Whom to log in as; nobody, if none is named.
        password: The password, in ASCII; never shown.
        timeout: How long to wait for each of its answers; up to ten minutes. A message takes some ten of them, so
            keep it well below a tenth of the lease of `datashare.delivery.deliver`.
        context: Which certificates to trust; those that the machine trusts, if none is named.
        own_name: What to call this machine in the greeting; what the machine says, if none is named.
    """

    host: str = attrs.field(validator=checks.key)
    security: Security = attrs.field(default=Security.STARTTLS, validator=checks.member(Security))
    port: int = attrs.field()
    username: str | None = attrs.field(default=None)
    password: str | None = attrs.field(default=None, repr=False)
    timeout: timedelta = attrs.field(default=timedelta(seconds=20))
    context: ssl.SSLContext | None = attrs.field(
        default=None, repr=False, validator=checks.is_a((ssl.SSLContext, type(None)), "an ssl.SSLContext or None")
    )
    own_name: str | None = attrs.field(default=None, validator=attrs.validators.optional(checks.key))

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

    @timeout.validator
    def _check_timeout(self, _attribute: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, timedelta) or not timedelta(0) < value <= _LONGEST_TIMEOUT:
            raise InvalidValue("MailServer.timeout", value, f"a timedelta above 0, up to {_LONGEST_TIMEOUT}")

    def connect(self) -> smtplib.SMTP:
        """Connect, encrypt and log in; a failure on the way leaves no connection open.

        Raises:
            smtplib.SMTPException: The server does not want, or cannot do what is asked.
            OSError: It cannot be reached, does not answer in time, or its certificate is not trusted.
        """
        connection = self._opened()
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

    def _opened(self) -> smtplib.SMTP:
        seconds = self.timeout.total_seconds()
        if self.security is Security.IMPLICIT_TLS:
            return smtplib.SMTP_SSL(self.host, self.port, self.own_name, timeout=seconds, context=self._trusted())
        return smtplib.SMTP(self.host, self.port, self.own_name, timeout=seconds)

    def _trusted(self) -> ssl.SSLContext:
        return self.context or ssl.create_default_context()
