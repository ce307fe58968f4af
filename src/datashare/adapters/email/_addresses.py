"""Email addresses as they are written in messages and envelopes."""

from __future__ import annotations

import idna

from datashare.domain.people import usable_address
from datashare.errors import InvalidValue


def written_address(address: object, what: str) -> str:
    """Give *address* as a mail server takes it: its domain in ASCII, by IDNA 2008.

    The local part stays as it is; where it is not ASCII, the server must know SMTPUTF8.

    Raises:
        InvalidValue: No message can be sent to it.
    """
    usable = usable_address(address)
    if usable is None:
        raise InvalidValue(what, address, "an email address such as head@school.example")
    local, _, domain = usable.rpartition("@")
    if "=?" in local:  # legal, but mail programs decode it, and so may see another address or header
        raise InvalidValue(what, address, "an email address without =? in it")
    return f"{local}@{domain if domain.isascii() else _ascii(domain, address, what)}"


def _ascii(domain: str, address: object, what: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError as exc:
        raise InvalidValue(what, address, f"an email address whose domain can exist ({exc})") from exc
