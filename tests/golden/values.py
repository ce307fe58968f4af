"""The values that the texts in `tests/golden/v1` were written from; both stay as they are for ever.

A later version of the written form gets a folder of its own beside this one.
"""

from datetime import date

import pendulum

from datashare.domain.agreements.commands import (
    ALL,
    AddRecipients,
    Approve,
    Batch,
    Command,
    Decline,
    EndAgreement,
    EndCause,
    ImportAgreement,
    Named,
    Planned,
    RecordApproval,
    RecordVisibility,
    Remind,
    RequestAccess,
    Withdraw,
    WithRoles,
)
from datashare.domain.agreements.events import (
    AgreementEnded,
    AgreementImported,
    ApprovalRecorded,
    Event,
    RecipientsAdded,
    ReminderSent,
    RequestApproved,
    RequestDeclined,
    RequestSent,
    RequestWithdrawn,
    VisibilityLost,
    VisibilityReturned,
)
from datashare.domain.agreements.ids import AgreementId, RequestId, SystemActor, Terms
from datashare.domain.agreements.state import State
from datashare.domain.levels import AccessLevel
from datashare.domain.notices import Addressee, Answerer, Notice, NoticeKind
from datashare.domain.people import PersonId
from datashare.domain.policy import Party
from datashare.domain.reconciliation import (
    Doubt,
    NewSchool,
    Plan,
    PlannedEnd,
    Succession,
    Successor,
    Uncertainty,
    Unclear,
)
from datashare.domain.register import (
    Coded,
    EstablishmentStatus,
    Group,
    GroupId,
    GroupKind,
    Institution,
    Phase,
    SuccessorLink,
    TrustLink,
    TrustType,
)
from datashare.domain.visibility import HiddenBecause

Value = Batch | Command | Event | Notice | Plan | Group | Institution | SuccessorLink

MAT = GroupId.mat("5143")
LA = GroupId.local_authority("087")
AGREEMENT = AgreementId(MAT, 100000)
REQUEST = RequestId(AGREEMENT, 7)
ANA = PersonId(MAT, "ana")
HEAD = PersonId(100000, "head/1 ü")
DEPUTY = PersonId(100000, "deputy")
NIGHTLY = SystemActor("nightly-refresh")
# A microsecond before the clocks in London go forward.
AT = pendulum.datetime(2026, 3, 29, 0, 59, 59, 999_999)
TERMS = Terms(reference="https://council.example/addendum-ß.pdf", version="2.1", review_on=date(2027, 3, 29))
UNREVIEWED = Terms(reference="terms", version="1")

COMMANDS: dict[str, Command] = {
    "command_request_access": RequestAccess(
        urn=100000,
        level=AccessLevel.MIS_DATA,
        sender=ANA,
        recipients=WithRoles({"head_teacher", "data_manager", "deputy_head_teacher"}),
        terms=TERMS,
    ),
    "command_add_recipients": AddRecipients(request=REQUEST, recipients=Named([HEAD, DEPUTY])),
    "command_remind": Remind(request=REQUEST),
    "command_withdraw": Withdraw(request=REQUEST),
    "command_approve": Approve(request=REQUEST, terms_version="2.1"),
    "command_decline": Decline(request=REQUEST, reason='Not yet.\n"Later" – 𝄞'),
    "command_record_approval": RecordApproval(
        urn=100000, level=AccessLevel.MIS_DATA_AND_GROUP_ACTIONS, basis="Board minute 7", terms=UNREVIEWED
    ),
    "command_import_agreement": ImportAgreement(
        urn=100000,
        level=AccessLevel.DFE_DATA,
        agreed_on=date(2024, 2, 29),
        approver="Mrs Ó Briain",
        evidence="Cabinet 3",
    ),
    "command_end_agreement": EndAgreement(urn=100000, cause=EndCause.SCHOOL_LEFT_GROUP, note="It left."),
    "command_end_planned": EndAgreement(
        urn=100000,
        cause=EndCause.SUCCEEDED,
        note="The register of 28 March 2026 shows: it closed on 27 March 2026.",
        planned=Planned(plan="0c5e", version=11),
    ),
    "command_record_visibility": RecordVisibility(urn=100000, register_day=date(2026, 3, 28)),
}


EVENTS: dict[str, Event] = {
    "event_request_sent": RequestSent(
        agreement=AGREEMENT,
        sequence=7,
        at=AT,
        actor=ANA,
        command_id="2b1f-7",
        level=AccessLevel.MIS_DATA_AND_GROUP_ACTIONS,
        raises=AccessLevel.MIS_DATA,
        sender=ANA,
        recipients=(HEAD, DEPUTY),
        terms=TERMS,
    ),
    "event_recipients_added": RecipientsAdded(
        agreement=AGREEMENT,
        sequence=8,
        at=AT,
        actor=ANA,
        command_id="c-8",
        request=REQUEST,
        recipients=(DEPUTY,),
    ),
    "event_reminder_sent": ReminderSent(
        agreement=AGREEMENT,
        sequence=9,
        at=AT,
        actor=ANA,
        command_id="c-9",
        request=REQUEST,
        recipients=(HEAD,),
    ),
    "event_request_approved": RequestApproved(
        agreement=AGREEMENT,
        sequence=10,
        at=AT,
        actor=HEAD,
        command_id="c-10",
        request=REQUEST,
        level=AccessLevel.MIS_DATA_AND_GROUP_ACTIONS,
        terms=TERMS,
    ),
    "event_request_declined": RequestDeclined(
        agreement=AGREEMENT,
        sequence=10,
        at=AT,
        actor=HEAD,
        command_id="c-10",
        request=REQUEST,
        reason='Not yet.\n"Later" – 𝄞',
    ),
    "event_request_withdrawn": RequestWithdrawn(
        agreement=AGREEMENT,
        sequence=10,
        at=AT,
        actor=ANA,
        command_id="c-10",
        request=REQUEST,
        reason="",
    ),
    "event_approval_recorded": ApprovalRecorded(
        agreement=AGREEMENT,
        sequence=1,
        at=AT,
        actor=ANA,
        command_id="c-1",
        level=AccessLevel.MIS_DATA,
        terms=UNREVIEWED,
        basis="Board minute 7",
    ),
    "event_agreement_imported": AgreementImported(
        agreement=AgreementId(LA, 42),
        sequence=1,
        at=AT,
        actor=PersonId(LA, "ana"),
        command_id="c-1",
        level=AccessLevel.DFE_DATA,
        agreed_on=date(2024, 2, 29),
        terms=None,
        approver="Mrs Ó Briain",
        evidence=None,
    ),
    "event_agreement_ended": AgreementEnded(
        agreement=AGREEMENT,
        sequence=11,
        at=AT,
        actor=ANA,
        command_id="c-11",
        cause=EndCause.ENTERED_IN_ERROR,
        request=REQUEST,
        note="Typed into the wrong row.",
    ),
    "event_visibility_lost": VisibilityLost(
        agreement=AGREEMENT,
        sequence=12,
        at=AT,
        actor=NIGHTLY,
        command_id="c-12",
        register_day=date(2026, 3, 28),
        reasons=(HiddenBecause.NOT_LINKED, HiddenBecause.CLOSED),
    ),
    "event_visibility_returned": VisibilityReturned(
        agreement=AGREEMENT,
        sequence=13,
        at=AT,
        actor=NIGHTLY,
        command_id="c-13",
        register_day=date(2026, 3, 28),
        resumes=False,
    ),
}

BATCHES: dict[str, Batch] = {
    "batch": Batch(
        group=MAT,
        actor=ANA,
        command_id="2b1f-7",
        commands=[
            RequestAccess(urn=100000, level=AccessLevel.MIS_DATA, sender=ANA, recipients=Named([HEAD])),
            RequestAccess(urn=100001, level=AccessLevel.MIS_DATA, sender=ANA, recipients=ALL),
        ],
    ),
}

NOTICES: dict[str, Notice] = {
    "notice": Notice(
        id="1c9cf1d3-2b1e-5b3c-9f3e-3d2f6f0b1a11",
        kind=NoticeKind.REQUEST,
        audience=Party.SCHOOL,
        agreement=AGREEMENT,
        sequence=7,
        request=REQUEST,
        address="größe@straße.example",
        people=(
            Addressee(id=HEAD, name="Hana Žižková", can_approve=True),
            Addressee(id=DEPUTY, name="Dai ap Rhys"),
        ),
        created_at=AT,
        group_kind=GroupKind.MULTI_ACADEMY_TRUST,
        group_name="Areté Learning Trust",
        institution_name="St Hilda’s {CE} Primary",
        sender_name="Ana Ćosić",
        sender_address="ana@trust.example",
        level=AccessLevel.MIS_DATA_AND_GROUP_ACTIONS,
        level_label="MIS Data & Trust Actions",
        level_before=AccessLevel.MIS_DATA,
        level_before_label="MIS Data",
        link="https://hilda.example/data/sharing",
        terms=TERMS,
        reason=None,
    ),
    "notice_bare": Notice(
        id="1c9cf1d3-2b1e-5b3c-9f3e-3d2f6f0b1a12",
        kind=NoticeKind.ENDED,
        audience=Party.GROUP,
        agreement=AgreementId(LA, 42),
        sequence=3,
        request=None,
        address="ana@council.example",
        people=(Addressee(id=PersonId(LA, "ana"), name="Ana"),),
        created_at=AT,
        group_kind=GroupKind.LOCAL_AUTHORITY,
        group_name="Council",
        institution_name="URN 42",
        reason="It closed.",
    ),
    "notice_ended": Notice(
        id="1c9cf1d3-2b1e-5b3c-9f3e-3d2f6f0b1a13",
        kind=NoticeKind.ENDED,
        audience=Party.SCHOOL,
        agreement=AGREEMENT,
        sequence=9,
        request=None,
        address="head@hilda.example",
        people=(Addressee(id=HEAD, name="Hana Žižková", can_approve=True),),
        created_at=AT,
        group_kind=GroupKind.MULTI_ACADEMY_TRUST,
        group_name="Areté Learning Trust",
        institution_name="St Hilda’s {CE} Primary",
        level=AccessLevel.MIS_DATA,
        level_label="MIS Data",
        link="https://hilda.example/data/sharing",
        reason="The school moved on.",
        actor_name="Ana Ćosić",
        cause=EndCause.SCHOOL_LEFT_GROUP,
    ),
    "notice_reminder": Notice(
        id="1c9cf1d3-2b1e-5b3c-9f3e-3d2f6f0b1a14",
        kind=NoticeKind.REMINDER,
        audience=Party.SCHOOL,
        agreement=AGREEMENT,
        sequence=8,
        request=REQUEST,
        address="deputy@hilda.example",
        people=(Addressee(id=DEPUTY, name="Dai ap Rhys"),),
        created_at=AT,
        group_kind=GroupKind.MULTI_ACADEMY_TRUST,
        group_name="Areté Learning Trust",
        institution_name="St Hilda’s {CE} Primary",
        level=AccessLevel.MIS_DATA,
        level_label="MIS Data",
        answerers=(Answerer(name="Hana Žižková", asked=True), Answerer(name="Siân", asked=False)),
        asked_on=date(2026, 3, 1),
    ),
    "notice_nobody_can_answer": Notice(
        id="1c9cf1d3-2b1e-5b3c-9f3e-3d2f6f0b1a15",
        kind=NoticeKind.REQUEST,
        audience=Party.SCHOOL,
        agreement=AGREEMENT,
        sequence=8,
        request=REQUEST,
        address="deputy@hilda.example",
        people=(Addressee(id=DEPUTY, name="Dai ap Rhys"),),
        created_at=AT,
        group_kind=GroupKind.MULTI_ACADEMY_TRUST,
        group_name="Areté Learning Trust",
        institution_name="St Hilda’s {CE} Primary",
        level=AccessLevel.MIS_DATA,
        level_label="MIS Data",
        nobody_can_answer=True,
    ),
}

PLANS: dict[str, Plan] = {
    "plan": Plan(
        group=MAT,
        group_name="Areté Learning Trust",
        register_day=date(2026, 3, 28),
        digest="0c5e",
        standing=3,
        in_force=2,
        looked_at=(100000, 100001, 100002),
        ends=(
            PlannedEnd(
                urn=100000,
                name="St Hilda’s {CE} Primary",
                version=11,
                cause=EndCause.SUCCEEDED,
                why="it closed on 27 March 2026",
                level=AccessLevel.MIS_DATA_AND_GROUP_ACTIONS,
                level_label="MIS Data & Trust Actions",
                request=REQUEST,
            ),
        ),
        closes=(
            PlannedEnd(
                urn=100001,
                name="URN 100001",
                version=1,
                cause=EndCause.SCHOOL_LEFT_GROUP,
                why="the register does not link it with the group (it is in no trust)",
                level=None,
                level_label="",
                request=RequestId(AgreementId(MAT, 100001), 1),
            ),
        ),
        compared=True,
        joined=(NewSchool(urn=100003, name="Old Hall"),),
        successors=(
            Successor(
                urn=100004,
                name="St Hilda’s Academy",
                predecessors=(100000,),
                evidence=(
                    Succession(
                        predecessor=100000,
                        successor=100004,
                        kind="Successor - merged",
                        day=date(2026, 3, 29),
                        in_the_future=True,
                        same_number=False,
                        successors=1,
                        predecessors=2,
                    ),
                ),
                doubts=(Doubt.IN_THE_FUTURE, Doubt.SEVERAL_PREDECESSORS, Doubt.OTHER_NUMBER),
                state=State.NO_AGREEMENT,
                hidden="",
                level=AccessLevel.MIS_DATA,
                level_label="MIS Data",
            ),
        ),
        unclear=(
            Unclear(
                urn=100002,
                name="URN 100002",
                visible=False,
                because=(Uncertainty.URN_GONE,),
                why="the register has no such URN",
            ),
        ),
    ),
    "plan_bare": Plan(
        group=LA,
        group_name="Council",
        register_day=date(2026, 3, 28),
        digest="0c5f",
        standing=0,
        in_force=0,
        looked_at=(),
        ends=(),
        closes=(),
        compared=False,
        joined=(),
        successors=(),
        unclear=(),
    ),
}

REGISTER: dict[str, Group | Institution | SuccessorLink] = {
    "group": Group(
        id=MAT,
        name="Areté Learning Trust",
        is_open=False,
        closed_on=date(2026, 3, 28),
        trust_type=TrustType.SINGLE_ACADEMY,
        in_register=False,
    ),
    "group_bare": Group(id=LA, name="Llanfair {Borough}"),
    "institution": Institution(
        urn=100000,
        name="St Hilda’s {CE} Primary",
        status=EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE,
        status_name="Open, but proposed to close",
        open_date=date(1872, 2, 29),
        close_date=date(2026, 8, 31),
        phase=Phase.MIDDLE_DEEMED_PRIMARY,
        establishment_type=Coded("34", "Academy converter"),
        establishment_type_group=Coded("10", "Academies"),
        local_authority=Coded("087", "Llanfair {Borough}"),
        former_authority=Coded("909", "Cumbria"),
        establishment_number="2000",
        trusts=(TrustLink("5143", "Areté Learning Trust", date(2019, 9, 1)), TrustLink("870")),
        federations=(Coded("1", "St Hilda’s & Oak"),),
        street="1 High Street",
        town="Llanfair",
        county="Gwynedd",
        postcode="LL1 1AA",
        low_age=0,
        high_age=19,
        ukprn="10000001",
        ofsted_rating="Good",
    ),
    "institution_bare": Institution(urn=1, name="ß", status=EstablishmentStatus.UNKNOWN),
    "successor": SuccessorLink(
        predecessor=100000, successor=9_999_999, kind="Successor - amalgamated", day=date(2026, 9, 1)
    ),
    "successor_bare": SuccessorLink(predecessor=1, successor=2, kind="Successor"),
}

VALUES: dict[str, Value] = {**BATCHES, **COMMANDS, **EVENTS, **NOTICES, **PLANS, **REGISTER}
