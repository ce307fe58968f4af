"""Pure: the lifecycle as data (T1).

The documentation's table and diagram and the exhaustive tests are made from `TRANSITIONS`.
"""

from __future__ import annotations

from collections.abc import Mapping

from .commands import (
    AddRecipients,
    Approve,
    Command,
    Decline,
    EndAgreement,
    ImportAgreement,
    RecordApproval,
    RecordVisibility,
    Remind,
    RequestAccess,
    Withdraw,
)
from .state import State

CommandType = type[Command]

TRANSITIONS: Mapping[State, Mapping[CommandType, State]] = {
    State.NO_AGREEMENT: {RequestAccess: State.PENDING, RecordApproval: State.APPROVED, ImportAgreement: State.APPROVED},
    State.PENDING: {
        AddRecipients: State.PENDING,
        Remind: State.PENDING,
        Approve: State.APPROVED,
        Decline: State.NO_AGREEMENT,
        Withdraw: State.NO_AGREEMENT,
        EndAgreement: State.NO_AGREEMENT,
        RecordVisibility: State.PENDING,
    },
    State.APPROVED: {
        RequestAccess: State.UPGRADING,
        RecordApproval: State.APPROVED,
        EndAgreement: State.NO_AGREEMENT,
        RecordVisibility: State.APPROVED,
    },
    State.UPGRADING: {
        AddRecipients: State.UPGRADING,
        Remind: State.UPGRADING,
        Approve: State.APPROVED,
        Decline: State.APPROVED,
        Withdraw: State.APPROVED,
        EndAgreement: State.NO_AGREEMENT,
        RecordVisibility: State.UPGRADING,
    },
}
"""The next state for each state and command; a command that is not listed for a state is refused there (T1)."""

CONDITIONS: Mapping[tuple[State, CommandType], str] = {
    (State.NO_AGREEMENT, ImportAgreement): "if no history",
    (State.APPROVED, RequestAccess): "if higher",
    (State.APPROVED, RecordApproval): "if higher",
    (State.UPGRADING, Approve): "higher",
    (State.UPGRADING, Decline): "as before",
    (State.UPGRADING, Withdraw): "as before",
}
"""The further condition of a transition, or a remark on its new state."""

COMMAND_LABELS: Mapping[CommandType, str] = {
    RequestAccess: "request",
    AddRecipients: "add recipients",
    Remind: "remind",
    Approve: "approve",
    Decline: "decline",
    Withdraw: "withdraw",
    RecordApproval: "record approval",
    ImportAgreement: "import",
    EndAgreement: "end",
    RecordVisibility: "record visibility",
}
"""What the documentation calls each command."""
