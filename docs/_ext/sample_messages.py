"""One message of each kind, from notices that the library makes of what a made-up trust and council do."""

from datetime import date
from typing import Any

import attrs
import pendulum

from datashare import (
    AccessLevel,
    BusinessRole,
    DataSharing,
    Group,
    GroupId,
    Institution,
    Permission,
    Person,
    PersonId,
    Policy,
    SchoolSite,
    Terms,
)
from datashare.adapters.memory import MemoryAgreementStore, MemoryInstitutionDirectory, MemoryPeopleDirectory
from datashare.domain.agreements import EndCause, RequestId
from datashare.domain.notices import Notice, NoticeKind
from datashare.domain.policy import Party
from datashare.domain.register import Coded, EstablishmentStatus, GroupKind, TrustLink
from datashare.testing import FrozenClock

MIS, ACTIONS = AccessLevel.MIS_DATA, AccessLevel.MIS_DATA_AND_GROUP_ACTIONS
TRUST, COUNCIL = GroupId.mat("9901"), GroupId.local_authority("870")
HILDA = 900001
HEAD, DEPUTY = "head", "deputy"
TERMS = Terms(
    reference="https://northshire.example/data-sharing/addendum.pdf", version="2.1", review_on=date(2027, 5, 1)
)


@attrs.frozen(kw_only=True)
class Sample:
    """A message with what it is about.

    Attributes:
        name: What it is called in addresses.
        title: What happened, and who is told.
        notice: What it is made from.
    """

    name: str
    title: str
    notice: Notice


class Host:
    """A group and one school, where something happens; *headless* while the school looks for a head teacher."""

    def __init__(self, group: GroupId, *, headless: bool = False) -> None:
        self.group = group
        self.headless = headless
        self.trust = group.kind is GroupKind.MULTI_ACADEMY_TRUST
        self.asker = PersonId(group, "ana")
        self.store = MemoryAgreementStore()
        self.register = MemoryInstitutionDirectory([], groups=[])
        self.show()
        self.sharing = DataSharing(
            store=self.store,
            institutions=self.register,
            people=MemoryPeopleDirectory(
                self._people(),
                sites=[SchoolSite(urn=HILDA, data_sharing_url="https://hilda.mis.example/data/sharing")],
            ),
            clock=FrozenClock(pendulum.datetime(2026, 5, 4, 8, 30, tz="UTC")),
            policies=self._policy,
        )
        self.side = self.sharing.for_group(group, actor=self.asker)
        self.school = self.sharing.for_school(HILDA, actor=PersonId(HILDA, HEAD))

    def show(self, **changes: Any) -> None:
        """Let the register show the school as it is, or otherwise."""
        school = Institution(
            urn=HILDA,
            name="St Hilda’s Primary School",
            status=EstablishmentStatus.OPEN,
            trusts=[TrustLink(TRUST.code)],
            local_authority=Coded(COUNCIL.code, "Northshire"),
        )
        name = "Northern Lights Trust" if self.trust else "Northshire Council"
        self.register.replace(
            [attrs.evolve(school, **changes)],
            groups=[Group(id=self.group, name=name)],
            register_day=date(2026, 5, 1),
        )

    def _people(self) -> list[Person]:
        head = Person(
            id=PersonId(HILDA, HEAD), name="Siân Williams", email="head@hilda.example",
            roles=[BusinessRole.HEAD_TEACHER],
        )  # fmt: skip
        return [
            *([] if self.headless else [head]),
            Person(id=self.asker, name="Ana Okafor", email="ana.okafor@group.example", permissions=Permission),
            Person(
                id=PersonId(HILDA, DEPUTY), name="Tom Field", email="deputy@hilda.example",
                roles=[BusinessRole.DEPUTY_HEAD_TEACHER],
            ),
        ]  # fmt: skip

    def _policy(self, group: GroupId) -> Policy:
        usual = Policy.for_kind(group.kind)
        return attrs.evolve(usual, central_approval=self.trust, enders=Party)

    def ask(self, level: AccessLevel = MIS, *, command_id: str = "ask") -> RequestId:
        """Let the group ask the school."""
        terms = None if self.trust else TERMS
        (request,) = self.side.request([HILDA], level=level, terms=terms, command_id=command_id).requests
        return request

    def accept(self, request: RequestId) -> None:
        """Let the head accept."""
        self.school.approve(request, terms_version=None if self.trust else TERMS.version)

    def agree(self) -> None:
        """Let the school share its data at the lower level."""
        self.accept(self.ask(command_id="first"))

    def told(self, kind: NoticeKind, address: str = "head@hilda.example") -> Notice:
        """Give the last notice of a kind to an address."""
        notices = [one.notice for one in self.store.notices(self.group) if one.notice]
        return max((one for one in notices if (one.kind, one.address) == (kind, address)), key=lambda one: one.sequence)


def samples() -> list[Sample]:
    """Give a message of each kind, in the words of a trust and of a local authority."""
    return [*asking(), *answering(), *closing()]


def asking() -> list[Sample]:
    """Let the groups ask, remind and withdraw."""
    trust, council, raising, raised = Host(TRUST), Host(COUNCIL), Host(TRUST), Host(COUNCIL)
    headless = Host(TRUST, headless=True)
    trust.ask(ACTIONS)
    council.ask()
    headless.ask()
    for host in (raising, raised):
        host.agree()
        request = host.ask(ACTIONS, command_id="raise")
        host.side.remind([request], command_id="remind")
    first = trust.told(NoticeKind.REQUEST)
    (request,) = [first.request] if first.request else []
    trust.side.remind([request], command_id="remind")
    return [
        Sample(name="request", title="A trust asks, and the head teacher can answer", notice=first),
        Sample(
            name="request-pass-on",
            title="The same, to a deputy who cannot answer: the head teacher has been asked too",
            notice=trust.told(NoticeKind.REQUEST, "deputy@hilda.example"),
        ),
        Sample(
            name="request-nobody",
            title="A trust asks a school where nobody can answer yet",
            notice=headless.told(NoticeKind.REQUEST, "deputy@hilda.example"),
        ),
        Sample(
            name="request-terms",
            title="A local authority asks, on its terms",
            notice=council.told(NoticeKind.REQUEST),
        ),
        Sample(
            name="upgrade",
            title="A trust asks for more than it has",
            notice=raising.told(NoticeKind.REQUEST),
        ),
        Sample(name="reminder", title="A trust reminds the school", notice=trust.told(NoticeKind.REMINDER)),
        Sample(
            name="reminder-upgrade",
            title="A local authority reminds the school of a request for more",
            notice=raised.told(NoticeKind.REMINDER),
        ),
    ]


def answering() -> list[Sample]:
    """Let the school answer, and the trust record what was settled centrally."""
    accepted, raised, declined, recorded = Host(TRUST), Host(COUNCIL), Host(COUNCIL), Host(TRUST)
    accepted.accept(accepted.ask())
    raised.agree()
    raised.accept(raised.ask(ACTIONS, command_id="raise"))
    declined.school.decline(declined.ask(), reason="The governors meet in June.\nPlease ask us again after that.")
    recorded.side.record_approval(
        [HILDA], level=ACTIONS, basis="Scheme of delegation, approved by the trust board in April.", command_id="record"
    )
    asker = "ana.okafor@group.example"
    return [
        Sample(
            name="approved",
            title="The school has accepted: its other recipients are told",
            notice=accepted.told(NoticeKind.APPROVED, "deputy@hilda.example"),
        ),
        Sample(
            name="approved-upgrade",
            title="The school has accepted to share more: the local authority is told",
            notice=raised.told(NoticeKind.APPROVED, asker),
        ),
        Sample(
            name="declined",
            title="The school has declined: the local authority is told",
            notice=declined.told(NoticeKind.DECLINED, asker),
        ),
        Sample(
            name="declined-school",
            title="The same: the school’s other recipients are told",
            notice=declined.told(NoticeKind.DECLINED, "deputy@hilda.example"),
        ),
        Sample(
            name="approval-recorded",
            title="A trust has recorded what was settled centrally",
            notice=recorded.told(NoticeKind.APPROVAL_RECORDED),
        ),
    ]


def closing() -> list[Sample]:
    """Let a request be withdrawn, and agreements end."""
    withdrawn, closed, ended, left, unanswered = Host(TRUST), Host(TRUST), Host(COUNCIL), Host(TRUST), Host(TRUST)
    withdrawn.side.withdraw(
        [withdrawn.ask()], reason="We asked for the wrong level. A new request follows.", command_id="withdraw"
    )
    closed.agree()
    closed.side.end([HILDA], cause=EndCause.BY_GROUP, note="We no longer need this data.", command_id="end")
    ended.agree()
    ended.school.end(COUNCIL, note="The governors decided so on 28 April.", command_id="end")
    left.agree()
    left.ask(ACTIONS, command_id="raise")
    unanswered.ask()
    left.show(trusts=[])
    unanswered.show(status=EstablishmentStatus.CLOSED)
    for host, cause in ((left, EndCause.SCHOOL_LEFT_GROUP), (unanswered, EndCause.SCHOOL_CLOSED)):
        host.side.end([HILDA], cause=cause, note="So says the register of 1 May.", command_id="end")
    return [
        Sample(
            name="withdrawn",
            title="A trust has withdrawn its request",
            notice=withdrawn.told(NoticeKind.WITHDRAWN),
        ),
        Sample(
            name="ended",
            title="A trust has ended an agreement: the school is told",
            notice=closed.told(NoticeKind.ENDED),
        ),
        Sample(
            name="ended-by-school",
            title="A school has ended an agreement: the local authority is told",
            notice=ended.told(NoticeKind.ENDED, "ana.okafor@group.example"),
        ),
        Sample(
            name="ended-left",
            title="The school has left the trust: what was agreed ends, and a request for more is closed",
            notice=left.told(NoticeKind.ENDED),
        ),
        Sample(
            name="ended-request",
            title="The school has closed before it answered: the request is closed",
            notice=unanswered.told(NoticeKind.ENDED),
        ),
    ]
