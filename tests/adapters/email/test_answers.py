"""Whatever goes wrong on the way to a mail server becomes an answer in words (rule O3)."""

import binascii
import smtplib
import ssl
from collections.abc import Iterator
from itertools import count

import pytest

from datashare.adapters.email._smtp import result_of
from datashare.ports import NeverDeliverable, TryAgain

ARGUMENTS: dict[type[Exception], tuple[object, ...]] = {
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
"""How to make the errors that take more than words."""


def below(kind: type[Exception]) -> Iterator[type[Exception]]:
    """Walk over a class of errors of the standard library and all below it."""
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ in {"binascii", "builtins", "smtplib", "socket", "ssl"}:
            yield from below(child)


ROOTS = (smtplib.SMTPException, OSError, ValueError)
KINDS = {kind for root in ROOTS for kind in below(root)}


@pytest.mark.rule("O3")
def test_every_error_has_an_answer() -> None:
    """No error gives a notice up by itself, and each answer says something."""
    assert {smtplib.SMTPAuthenticationError, ssl.SSLCertVerificationError, TimeoutError, binascii.Error} <= KINDS
    for kind in KINDS:
        error = kind(*ARGUMENTS.get(kind, ("words",)))
        if isinstance(error, ssl.SSLCertVerificationError):
            error.verify_message = "certificate has expired"
        answer = result_of(error)

        assert isinstance(answer, TryAgain), kind
        assert len(answer.why) > 20
        assert "\n" not in answer.why


@pytest.mark.rule("O3")
@pytest.mark.parametrize(
    ("code", "words"),
    [
        (450, "Later"),
        (550, "5.7.1 Relaying denied"),
        (550, "relay not permitted"),
        (550, "authentication required"),
        (550, "Sender verify failed"),
        (550, "5.1.8 <no-reply@trust.example>: Sender address rejected: Domain not found"),
        (553, "5.1.7 Bad sender's mailbox address syntax"),
        (501, "5.5.2 <mis>: Helo command rejected: Invalid name"),
        (550, "5.7.26 This mail is unauthenticated"),
        (553, "sorry, that domain isn't in my list of allowed rcpthosts"),
        *((code, "No") for code in (502, 503, 504, 523, 530, 534, 535, 538)),
    ],
    ids=count(),
)
def test_the_hosts_own_mistakes_give_no_notice_up(code: int, words: str) -> None:
    """A fault in the host's set-up hits every address, and somebody corrects it sooner or later."""
    refused = smtplib.SMTPRecipientsRefused({"head@hilda.example": (code, words.encode())})

    assert TryAgain(f"The mail server refused the address: {code} {words}.") == result_of(refused)
    assert TryAgain(f"The mail server refused the message: {code} {words}.") == result_of(
        smtplib.SMTPDataError(code, words)
    )


@pytest.mark.rule("O3")
@pytest.mark.parametrize(
    ("code", "words"),
    [
        (550, "Unknown user"),
        (550, "5.1.1 No such authenticated sender or relay"),
        (550, "<sender.relay@hilda.example>: unknown"),
        (554, "5.4.1 Recipient address rejected: Access denied"),
        (553, "Not allowed here"),
        (550, "Unbekannter Empfaenger"),
    ],
)
def test_what_is_wrong_with_the_address_is_for_ever(code: int, words: str) -> None:
    """A status decides where there is one, and words within an address do not count."""
    refused = smtplib.SMTPRecipientsRefused({"head@hilda.example": (code, words.encode())})

    assert NeverDeliverable(f"The mail server refused the address: {code} {words}.") == result_of(refused)
