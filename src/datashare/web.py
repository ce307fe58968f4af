"""What a web framework needs to answer with: the HTTP status of each error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from datashare.domain.agreements.refusals import RefusalCode
from datashare.errors import (
    DatashareError,
    InvalidInput,
    NotPermitted,
    Refused,
    RegisterError,
    StoreUnavailable,
    TransactionLost,
    UnknownGroup,
)

__all__ = ["http_status"]

_FORM: Final = frozenset(
    {
        RefusalCode.SENDER_NOT_ELIGIBLE,
        RefusalCode.LEVEL_NOT_REQUESTABLE,
        RefusalCode.LEVEL_UNCHANGED,
        RefusalCode.LEVEL_REDUCTION,
        RefusalCode.TERMS_REQUIRED,
        RefusalCode.RECIPIENT_NOT_ELIGIBLE,
        RefusalCode.NO_ELIGIBLE_RECIPIENT,
        RefusalCode.CONFIRMATION_NEEDED,
    }
)
"""What the form can put right."""

_OF_A_REFUSAL: Final[Mapping[RefusalCode, int]] = {
    RefusalCode.NOT_PERMITTED: 403,
    RefusalCode.NOT_VISIBLE: 404,
    RefusalCode.REMINDER_TOO_SOON: 429,
    **dict.fromkeys(_FORM, 422),
}


def http_status(error: DatashareError) -> int:
    """Return the HTTP status to answer an error with, as the tables of the documentation list them.

    A refusal goes by the code of its first reason.

    >>> from datashare.errors import UnknownGroup
    >>> http_status(UnknownGroup("mat:5143"))
    404
    """
    match error:
        case NotPermitted():
            return 403
        case Refused():
            return _OF_A_REFUSAL.get(error.reasons[0].code, 409)
        case InvalidInput() | RegisterError():
            return 422
        case UnknownGroup():
            return 404
        case StoreUnavailable() | TransactionLost():
            return 503
        case _:
            return 500
