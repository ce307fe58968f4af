"""Whatever goes wrong on the way to a mail server becomes an answer in words."""

import binascii
import smtplib
import ssl
from collections.abc import Iterator

import pytest

from datashare.adapters.email._answers import answer_to
from datashare.ports import TryAgain

HOW: dict[type[Exception], tuple[object, ...]] = {
    smtplib.SMTPResponseException: (451, b"later"),
    smtplib.SMTPSenderRefused: (550, b"no \xff\nnot you", "a@b.example"),
    smtplib.SMTPRecipientsRefused: ({"a@b.example": (450, b"later")},),
    smtplib.SMTPDataError: (451, "later"),
    smtplib.SMTPConnectError: (-1, b""),
    smtplib.SMTPHeloError: (500, b"what?"),
    smtplib.SMTPAuthenticationError: (535, b"5.7.8 no"),
    UnicodeDecodeError: ("ascii", b"\xff", 0, 1, "words"),
    UnicodeEncodeError: ("ascii", "ü", 0, 1, "words"),
    UnicodeTranslateError: ("ü", 0, 1, "words"),
}
"""How to make those that take more than words."""


def below(kind: type[Exception]) -> Iterator[type[Exception]]:
    """Give a class of errors of the standard library with all below it."""
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ in {"binascii", "builtins", "smtplib", "socket", "ssl"}:
            yield from below(child)


ROOTS = (smtplib.SMTPException, OSError, ValueError)
KINDS = sorted({kind for root in ROOTS for kind in below(root)}, key=lambda kind: kind.__name__)


@pytest.mark.rule("O3")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_an_answer(kind: type[Exception]) -> None:
    """None of them gives a notice up by itself, and each says something."""
    error = kind(*HOW.get(kind, ("words",)))
    if isinstance(error, ssl.SSLCertVerificationError):
        error.verify_message = "certificate has expired"
    answer = answer_to(error)

    assert isinstance(answer, TryAgain)
    assert len(answer.why) > 20
    assert "\n" not in answer.why


def test_the_errors_are_found() -> None:
    """The walk over the classes reaches the bottom."""
    assert {smtplib.SMTPAuthenticationError, ssl.SSLCertVerificationError, TimeoutError, binascii.Error} <= set(KINDS)


@pytest.mark.rule("O3")
@pytest.mark.parametrize("said", [b"5.7.1 Relaying denied", "5.7.1 Relaying denied"], ids=["bytes", "text"])
def test_the_enhanced_status_counts_where_there_is_one(said: bytes | str) -> None:
    """A refusal for reasons of policy is about the host, not about the address."""
    answer = answer_to(smtplib.SMTPDataError(550, said))

    assert TryAgain("The mail server refused the message: 550 5.7.1 Relaying denied.") == answer
