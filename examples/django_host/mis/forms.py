"""The forms of the pages; what the library says about an argument stands beside the field."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django import forms

from datashare import AccessLevel, RequestId
from datashare.domain.browsing import Listing
from datashare.errors import InvalidInput

Data = Mapping[str, Any] | None


class SharingForm(forms.Form):
    """A form whose fields are arguments of the library."""

    def add_invalid(self, error: InvalidInput) -> None:
        """Show what the library says about an argument."""
        shown = error.field in self.fields and not self.fields[error.field].widget.is_hidden
        self.add_error(error.field if shown else None, error.sentence)


class GroupForm(SharingForm):
    """An action at several schools, under an id that makes a repetition harmless."""

    command_id = forms.CharField(widget=forms.HiddenInput, initial=uuid.uuid4)


class AskForm(GroupForm):
    """Which schools to ask for which level."""

    def __init__(
        self, data: Data = None, *, rows: Iterable[Listing], levels: Iterable[tuple[AccessLevel, str]]
    ) -> None:
        """Offer the trust's schools, and the levels that it may ask for."""
        super().__init__(data)
        self.fields["urns"] = several(int, [(row.urn, row.name) for row in rows])
        choices = [(level.value, label) for level, label in levels]
        self.fields["level"] = forms.TypedChoiceField(coerce=AccessLevel, choices=choices, label="Level to ask for")


class RemindForm(GroupForm):
    """Which open requests to remind the schools of."""

    def __init__(self, data: Data = None, *, rows: Iterable[Listing]) -> None:
        """Offer the trust's open requests."""
        super().__init__(data)
        open_requests = [(row.agreement.request, row.name) for row in rows]
        choices = [(str(request.id), name) for request, name in open_requests if request]
        self.fields["requests"] = several(RequestId.parse, choices)


def several(coerce: Callable[[str], object], choices: list[tuple[Any, str]]) -> forms.TypedMultipleChoiceField:
    """Build the field of the check boxes in a table of schools."""
    return forms.TypedMultipleChoiceField(
        coerce=coerce, choices=choices, label="Schools", error_messages={"required": "Choose at least one school."}
    )


class DeclineForm(SharingForm):
    """Why the school says no."""

    request = forms.CharField(widget=forms.HiddenInput)
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}), label="Why not", help_text="The trust gets this reason by email."
    )
