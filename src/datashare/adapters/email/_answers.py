"""What a mail server's answers mean: delivered, try again, or never (O3).

Only what is wrong with the address or the message is for ever. What is wrong with the host's own set-up, such as a
password, a certificate or a server that does not relay, is tried again, so that a mistake in the settings gives no
notice up before somebody has mended it.
"""

from __future__ import annotations

import re
import smtplib
import ssl

from datashare.ports import NeverDeliverable, SendResult, TryAgain

_HOST_CODES = {502, 503, 504, 523, 530, 534, 535, 538}
"""Protocol, encryption, authentication: nothing that another address or message would change (RFC 4954, RFC 5321)."""

_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
"""The enhanced status of RFC 3463, with which most servers begin what they say."""

_HOST_STATUS = re.compile(r"5\.(1\.[78]|5\.\d+|7\.\d+)\b")
"""About the sender's address; the protocol; security and policy, such as relaying or SPF (RFC 3463)."""

_HOST_WORDS = re.compile(r"\b(relay\w*|authenticat\w*|encrypt\w*|starttls|sender|helo|ehlo|rcpthosts)\b", re.IGNORECASE)
"""What servers say of the host without such a status; where one says it of an address, the notice only waits longer."""

_ADDRESSES = re.compile(r"\S+@\S+")

_TOO_LARGE = 552
"""Said of the sender's command where that tells the size of the message (RFC 1870)."""


def answer_to(error: Exception) -> SendResult:
    """Tell what becomes of a notice, from what went wrong."""
    match error:
        case smtplib.SMTPRecipientsRefused(recipients=refused):
            code, said = next(iter(refused.values()))
            return _refused("The mail server refused the address", code, said)
        case smtplib.SMTPSenderRefused(smtp_code=code, smtp_error=said) if code == _TOO_LARGE:
            return _refused("The mail server refused the message", code, said)
        case smtplib.SMTPSenderRefused(smtp_code=code, smtp_error=said, sender=sender):
            return TryAgain(
                f"The mail server takes nothing from {sender}: {_words(code, said)}. Check EmailRenderer.sender."
            )
        case smtplib.SMTPDataError(smtp_code=code, smtp_error=said):
            return _refused("The mail server refused the message", code, said)
        case smtplib.SMTPAuthenticationError(smtp_code=code, smtp_error=said):
            return TryAgain(f"The mail server refused the user name or password: {_words(code, said)}.")
        case smtplib.SMTPResponseException(smtp_code=code, smtp_error=said):
            return TryAgain(f"The mail server does not want to talk: {_words(code, said)}.")
        case smtplib.SMTPNotSupportedError():
            return TryAgain(f"The mail server cannot do what the settings ask for: {error}")
        case ssl.SSLCertVerificationError():
            return TryAgain(f"The mail server's certificate is not trusted: {error.verify_message}.")
        case _ if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
            return TryAgain("The mail server did not answer in time.")  # smtplib makes it a disconnection
        case _:
            return TryAgain(f"The mail server could not be talked to: {type(error).__name__}: {error}")


def _refused(what: str, code: int, said: bytes | str) -> SendResult:
    why = f"{what}: {_words(code, said)}."
    return NeverDeliverable(why) if 500 <= code <= 599 and not _is_about_the_host(code, _text(said)) else TryAgain(why)


def _is_about_the_host(code: int, said: str) -> bool:
    if code in _HOST_CODES:
        return True
    told = _HOST_STATUS.match(said) if _STATUS.match(said) else _HOST_WORDS.search(_ADDRESSES.sub("", said))
    return told is not None


def _words(code: int, said: bytes | str) -> str:
    return f"{code} {' '.join(_text(said).split())}".strip().removesuffix(".")


def _text(said: bytes | str) -> str:
    return said if isinstance(said, str) else said.decode(errors="replace")
