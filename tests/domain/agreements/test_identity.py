"""The ids of agreements, requests, events and notices (rules A4, K3)."""

import copy
import uuid

import pytest

from datashare.domain.agreements import AgreementId, RequestId
from datashare.domain.agreements.ids import event_id, notice_id
from datashare.domain.people import PersonId
from datashare.errors import InvalidValue
from tests.builders import AGREEMENT, DEPUTY, HEAD, LA, MAT, URN

NOT_AGREEMENTS = [
    "",
    "mat:5143",
    "mat:5143/",
    "mat:5143/-1",
    "mat:5143/0",
    "mat:5143/12345678",
    "mat:5143/１０００００",
    "mat:5143/100000 ",
    "mat:5143/100000\n",
    "mat:/100000",
    "mat:05143/100000",
    "la:87/100000",
    "LA:870/100000",
    "trust:5143/100000",
    "/100000",
    "mat:5143/100000/1/",
    None,
    100000,
    b"mat:5143/100000",
    ("mat:5143", 100000),
]
NOT_REQUESTS = [*(f"mat:5143/100000/{number}" for number in ("0", "-1", "1.0", "²", "1234567890")), "mat:5143//1", "1"]


@pytest.mark.rule("K3")
@pytest.mark.parametrize(
    ("identity", "text"),
    [
        (AgreementId(MAT, URN), "mat:5143/100000"),
        (AgreementId(LA, 1), "la:870/1"),
        (AgreementId(MAT, 9_999_999), "mat:5143/9999999"),
        (RequestId(AGREEMENT, 1), "mat:5143/100000/1"),
        (RequestId(AgreementId(LA, URN), 999_999_999), "la:870/100000/999999999"),
    ],
    ids=str,
)
def test_an_id_survives_as_text(identity: AgreementId | RequestId, text: str) -> None:
    """An agreement's or a request's id is written as text and read back as the same, with its school."""
    assert text == str(identity)
    assert identity == type(identity).parse(text)
    assert identity.urn == int(text.split("/")[1])


@pytest.mark.rule("A4")
@pytest.mark.parametrize("text", [*NOT_AGREEMENTS, *NOT_REQUESTS], ids=repr)
def test_bad_text_is_not_an_id(text: object) -> None:
    """Text that is not the id of an agreement, or of a request, is an invalid value, whatever it is."""
    for kind in (AgreementId, RequestId) if text in NOT_AGREEMENTS else (RequestId,):
        with pytest.raises(InvalidValue):
            kind.parse(text)


@pytest.mark.rule("K3")
def test_event_id_derives_from_agreement_sequence_and_command() -> None:
    """The same three give the same id, and each of them alone changes it."""
    first = event_id(AGREEMENT, 1, "c-1")

    assert first == event_id(AgreementId.parse(str(AGREEMENT)), 1, "c-1")
    assert first == uuid.UUID(first).hex
    assert 4 == len(
        {
            first,
            event_id(AGREEMENT, 2, "c-1"),
            event_id(AGREEMENT, 1, "c-2"),
            event_id(AgreementId(LA, URN), 1, "c-1"),
        }
    )


@pytest.mark.rule("K3")
def test_event_id_cannot_be_forged_by_a_command_id() -> None:
    """No command id is mistaken for a part of the sequence number, nor that for a part of the URN."""
    assert event_id(AGREEMENT, 1, "1/c") != event_id(AGREEMENT, 11, "c")
    assert event_id(AGREEMENT, 1, "1c") != event_id(AGREEMENT, 11, "c")
    assert event_id(AgreementId(MAT, 1), 11, "c") != event_id(AgreementId(MAT, 11), 1, "c")


@pytest.mark.rule("K3")
def test_notice_id_derives_from_event_and_people() -> None:
    """The same event and people give the same id; another event or other people give another id."""
    event = event_id(AGREEMENT, 1, "c-1")

    assert notice_id(event, (HEAD,)) == notice_id(event, (PersonId(URN, "head"),))
    assert 4 == len(
        {
            event,
            notice_id(event, (HEAD,)),
            notice_id(event, (HEAD, DEPUTY)),
            notice_id(event_id(AGREEMENT, 2, "c-1"), (HEAD,)),
        }
    )


@pytest.mark.rule("K3")
def test_notice_ids_differ_even_if_a_persons_id_looks_like_two() -> None:
    """One person with an awkward id is not taken for two people."""
    event = event_id(AGREEMENT, 1, "c-1")
    awkward = PersonId(URN, f"head|{DEPUTY}")

    assert notice_id(event, (awkward,)) != notice_id(event, (HEAD, DEPUTY))


@pytest.mark.parametrize("known", [MAT, LA, AGREEMENT, HEAD, RequestId(AGREEMENT, 7)], ids=str)
def test_an_id_is_the_same_before_and_after_its_text_was_asked_for(known: object) -> None:
    """The text that an id caches does not count: copies are equal, have the same hash and the same text."""
    text, fresh = str(known), copy.deepcopy(known)

    assert known == fresh == copy.copy(known)
    assert hash(known) == hash(fresh)
    assert text == str(fresh)
    assert text not in repr(known)
