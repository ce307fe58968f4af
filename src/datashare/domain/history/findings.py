"""Pure: what can be wrong with a kept history, in words; it touches nothing but the standard library and attrs."""

from __future__ import annotations

import enum

import attrs

from datashare.domain import checks
from datashare.domain.agreements import AgreementId

MOST_FINDINGS = 1_000
"""So many findings are kept; the rest are counted."""


class FindingCode(enum.Enum):
    """What was found wrong with the history of an agreement (H3)."""

    ALTERED = "altered"
    MISSING = "missing"
    INSERTED = "inserted"
    MOVED = "moved"
    WORDS_ALTERED = "words_altered"
    STATE_DIFFERS = "state_differs"
    NOT_AS_NOTED = "not_as_noted"

    __hash__ = object.__hash__


_RESTORE = "Restore the agreement from a copy of the database that verifies."
_ADVICE = {
    FindingCode.ALTERED: _RESTORE,
    FindingCode.MISSING: _RESTORE,
    FindingCode.INSERTED: _RESTORE,
    FindingCode.MOVED: _RESTORE,
    FindingCode.WORDS_ALTERED: "Restore them from a copy of the database that verifies, or erase them with their salt.",
    FindingCode.STATE_DIFFERS: "The events fit together, so write the present state anew from them.",
    FindingCode.NOT_AS_NOTED: "Compare the agreement with a copy of the database from when the digest was noted.",
}


@attrs.frozen(kw_only=True)
class Finding:
    """The first thing that is wrong with the history of one agreement (H3).

    Attributes:
        agreement: Under which agreement it is kept.
        sequence: Which event: its number, 0 where no event is kept at all.
        code: What is wrong.
        detail: The same, as a sentence.
    """

    agreement: AgreementId = attrs.field(validator=checks.is_a(AgreementId, "an AgreementId"))
    sequence: int = attrs.field(validator=checks.is_a(int, "a whole number"))
    code: FindingCode = attrs.field(validator=checks.member(FindingCode))
    detail: str = attrs.field(validator=checks.text)

    def __str__(self) -> str:
        return f"{self.agreement}: {self.detail} {_ADVICE[self.code]}"


@attrs.frozen(kw_only=True)
class Verification:
    """What became of walking over chains (H3); `str` says it in words, for whoever keeps the system running.

    Attributes:
        agreements: How many agreements were walked over.
        events: How many events.
        broken: How many agreements are not as they were written, those included that were noted and are gone.
        findings: What is wrong with each of them, in the order in which they were walked over, those that are gone
            last; at most `MOST_FINDINGS`.
    """

    agreements: int = attrs.field(validator=checks.whole(0))
    events: int = attrs.field(validator=checks.whole(0))
    broken: int = attrs.field(validator=checks.whole(0))
    findings: tuple[Finding, ...] = attrs.field(
        converter=checks.to_tuple, validator=checks.all_are(Finding, "Findings")
    )

    @property
    def sound(self) -> bool:
        """Whether everything is as it was written."""
        return not self.broken

    def __str__(self) -> str:
        walked = f"{_count(self.agreements, 'agreement')} with {_count(self.events, 'event')}"
        if self.sound:
            return f"Checked {walked}: everything is as it was written."
        more = self.broken - len(self.findings)
        return "\n".join(
            [
                f"Checked {walked}: {_count(self.broken, 'agreement')} not as written.",
                *map(str, self.findings),
                *([f"… and {_count(more, 'agreement')} more."] if more else []),
            ]
        )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
