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

_ABOUT_THE_HOST = {502, 503, 504, 530, 534, 535, 538}
"""Protocol and authentication: nothing that another address or message would change (RFC 4954, RFC 5321)."""

_TOO_LARGE = 552
"""Said of the sender's command where that tells the size of the message (RFC 1870)."""

_POLICY = re.compile(r"5\.7\.\d")
"""The class of security and policy in RFC 3463: not allowed to relay, to send as this sender, or without SPF."""


def answer_to(error: Exception) -> SendResult:
    """Tell what becomes of a notice, from what went wrong."""
    match error:
        case smtplib.SMTPRecipientsRefused(recipients=refused):
            code, said = next(iter(refused.values()))
            return _refused("The mail server refused the address", code, said)
        case smtplib.SMTPSenderRefused(smtp_code=code, smtp_error=said) if code == _TOO_LARGE:
            return _refused("The mail server refused the message", code, said)
        case smtplib.SMTPSenderRefused(smtp_code=code, smtp_error=said, sender=sender):
            return TryAgain(f"The mail server takes nothing from {sender}: {_words(code, said)}. Check Letters.sender.")
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
    about_the_host = code in _ABOUT_THE_HOST or _POLICY.match(_text(said))
    return NeverDeliverable(why) if 500 <= code <= 599 and not about_the_host else TryAgain(why)


def _words(code: int, said: bytes | str) -> str:
    return f"{code} {' '.join(_text(said).split())}".strip().removesuffix(".")


def _text(said: bytes | str) -> str:
    return said if isinstance(said, str) else said.decode(errors="replace")
