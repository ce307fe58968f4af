"""Pure: what can be wrong with a kept history, in words; it touches nothing but the standard library and attrs."""

from __future__ import annotations

import enum

import attrs

from datashare.domain import checks
from datashare.domain.agreements import AgreementId
from datashare.domain.wording import counted
from datashare.errors import shown

from .chaining import AN_AGREEMENT_OR_KEY

MOST_FINDINGS = 1_000
"""So many findings are kept; the rest are counted."""


class FindingCode(enum.Enum):
    """What was found wrong with the history of an agreement (H3)."""

    ALTERED = "altered"
    MISSING = "missing"
    INSERTED = "inserted"
    MOVED = "moved"
    WORDS_ALTERED = "words_altered"
    INSTANT_DIFFERS = "instant_differs"
    STATE_DIFFERS = "state_differs"
    NOT_AS_NOTED = "not_as_noted"
    STRAY = "stray"

    __hash__ = object.__hash__


_RESTORE = "Restore the agreement from a copy of the database that verifies."
_ADVICE = {
    FindingCode.ALTERED: _RESTORE,
    FindingCode.MISSING: _RESTORE,
    FindingCode.INSERTED: _RESTORE,
    FindingCode.MOVED: _RESTORE,
    FindingCode.WORDS_ALTERED: "Restore them from a copy of the database that verifies, or erase them with their salt.",
    FindingCode.INSTANT_DIFFERS: "The event fits its hash, so write the instant beside it anew from its text.",
    FindingCode.STATE_DIFFERS: "The events fit together, so write the present state anew from them.",
    FindingCode.NOT_AS_NOTED: "Compare the agreement with a copy of the database from when the digest was noted.",
    FindingCode.STRAY: "Find out from a copy of the database that verifies where they belong.",
}


@attrs.frozen(kw_only=True)
class Finding:
    """The first thing that is wrong with the history of one agreement (H3).

    Attributes:
        agreement: Under which agreement it is kept; the key as it is, where it names none.
        sequence: Which event: its number, 0 where no event is kept at all.
        code: What is wrong.
        detail: The same, as a sentence.
    """

    agreement: AgreementId | str = attrs.field(validator=AN_AGREEMENT_OR_KEY)
    sequence: int = attrs.field(validator=checks.is_a(int, "a whole number"))
    code: FindingCode = attrs.field(validator=checks.member(FindingCode))
    detail: str = attrs.field(validator=checks.text)

    def __str__(self) -> str:
        # A key that names no agreement may hold anything, line breaks included.
        key = shown(self.agreement) if isinstance(self.agreement, str) else self.agreement
        return f"{key}: {self.detail} {_ADVICE[self.code]}"


@attrs.frozen(kw_only=True)
class Verification:
    """What became of walking over chains (H3); `str` says it in words, for whoever keeps the system running.

    Attributes:
        agreements: How many agreements were walked over, keys that name none included.
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
        walked = f"{counted(self.agreements, 'agreement')} with {counted(self.events, 'event')}"
        if self.sound:
            return f"Checked {walked}: everything is as it was written."
        more = self.broken - len(self.findings)
        return "\n".join(
            [
                f"Checked {walked}: {counted(self.broken, 'agreement')} not as written.",
                *map(str, self.findings),
                *([f"… and {counted(more, 'agreement')} more."] if more else []),
            ]
        )
