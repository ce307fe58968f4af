"""A notice of each kind, as the library creates them for a made-up trust and a made-up council."""

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
    """A notice whose message the documentation shows.

    Attributes:
        name: Its name in addresses.
        title: What happened, and who reads the message.
        notice: The notice.
    """

    name: str
    title: str
    notice: Notice


class Host:
    """A group and one school; if *headless*, the school has no head teacher."""

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
        """Load a register that holds the school, with *changes*."""
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
        """Ask the school as the group."""
        terms = None if self.trust else TERMS
        (request,) = self.side.request([HILDA], level=level, terms=terms, command_id=command_id).requests
        return request

    def accept(self, request: RequestId) -> None:
        """Accept as the head teacher."""
        self.school.approve(request, terms_version=None if self.trust else TERMS.version)

    def agree(self) -> None:
        """Ask and accept, so that the school shares data at the lower level."""
        self.accept(self.ask(command_id="first"))

    def notice(self, kind: NoticeKind, address: str = "head@hilda.example") -> Notice:
        """Return the last notice of a kind to an address."""
        notices = [row.notice for row in self.store.notices(self.group) if row.notice]
        matches = [notice for notice in notices if (notice.kind, notice.address) == (kind, address)]
        return max(matches, key=lambda notice: notice.sequence)


def samples() -> list[Sample]:
    """Return a message of each kind, in the words of a trust and of a local authority."""
    return [*asking(), *answering(), *closing()]


def asking() -> list[Sample]:
    """Ask and remind."""
    trust, council, raising, raised = Host(TRUST), Host(COUNCIL), Host(TRUST), Host(COUNCIL)
    headless = Host(TRUST, headless=True)
    trust.ask(ACTIONS)
    council.ask()
    headless.ask()
    for host in (raising, raised):
        host.agree()
        request = host.ask(ACTIONS, command_id="raise")
        host.side.remind([request], command_id="remind")
    first = trust.notice(NoticeKind.REQUEST)
    (request,) = [first.request] if first.request else []
    trust.side.remind([request], command_id="remind")
    return [
        Sample(name="request", title="A trust asks, and the head teacher can answer", notice=first),
        Sample(
            name="request-pass-on",
            title="The same, for a deputy who cannot answer; the head teacher was asked too",
            notice=trust.notice(NoticeKind.REQUEST, "deputy@hilda.example"),
        ),
        Sample(
            name="request-nobody",
            title="A trust asks a school where nobody can answer yet",
            notice=headless.notice(NoticeKind.REQUEST, "deputy@hilda.example"),
        ),
        Sample(
            name="request-terms",
            title="A local authority asks, on its terms",
            notice=council.notice(NoticeKind.REQUEST),
        ),
        Sample(
            name="upgrade",
            title="A trust asks for a higher level",
            notice=raising.notice(NoticeKind.REQUEST),
        ),
        Sample(name="reminder", title="A trust reminds the school", notice=trust.notice(NoticeKind.REMINDER)),
        Sample(
            name="reminder-upgrade",
            title="A local authority reminds the school of a request for a higher level",
            notice=raised.notice(NoticeKind.REMINDER),
        ),
    ]


def answering() -> list[Sample]:
    """Answer as the school, and record an approval settled centrally."""
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
            title="The school has accepted: the message to the other people who were asked",
            notice=accepted.notice(NoticeKind.APPROVED, "deputy@hilda.example"),
        ),
        Sample(
            name="approved-upgrade",
            title="The school has agreed to share more: the message to the local authority",
            notice=raised.notice(NoticeKind.APPROVED, asker),
        ),
        Sample(
            name="declined",
            title="The school has declined: the message to the local authority",
            notice=declined.notice(NoticeKind.DECLINED, asker),
        ),
        Sample(
            name="declined-school",
            title="The same: the message to the other people at the school who were asked",
            notice=declined.notice(NoticeKind.DECLINED, "deputy@hilda.example"),
        ),
        Sample(
            name="approval-recorded",
            title="A trust has recorded an approval settled centrally",
            notice=recorded.notice(NoticeKind.APPROVAL_RECORDED),
        ),
    ]


def closing() -> list[Sample]:
    """Withdraw a request, and end agreements."""
    withdrawn, closed, ended, left, unanswered = Host(TRUST), Host(TRUST), Host(COUNCIL), Host(TRUST), Host(TRUST)
    withdrawn.side.withdraw(
        [withdrawn.ask()], reason="We asked for the wrong level. A new request follows.", command_id="withdraw"
    )
    closed.agree()
    closed.side.end([HILDA], cause=EndCause.BY_GROUP, note="We no longer need this data.", command_id="end")
    ended.agree()
    ended.school.end(COUNCIL, note="The governors decided this on 28 April.", command_id="end")
    left.agree()
    left.ask(ACTIONS, command_id="raise")
    unanswered.ask()
    left.show(trusts=[])
    unanswered.show(status=EstablishmentStatus.CLOSED)
    for host, cause in ((left, EndCause.SCHOOL_LEFT_GROUP), (unanswered, EndCause.SCHOOL_CLOSED)):
        host.side.end([HILDA], cause=cause, note="According to the register of 1 May.", command_id="end")
    return [
        Sample(
            name="withdrawn",
            title="A trust has withdrawn its request",
            notice=withdrawn.notice(NoticeKind.WITHDRAWN),
        ),
        Sample(
            name="ended",
            title="A trust has ended an agreement: the message to the school",
            notice=closed.notice(NoticeKind.ENDED),
        ),
        Sample(
            name="ended-by-school",
            title="A school has ended an agreement: the message to the local authority",
            notice=ended.notice(NoticeKind.ENDED, "ana.okafor@group.example"),
        ),
        Sample(
            name="ended-left",
            title="The school has left the trust: the agreement ends, and the open request is closed",
            notice=left.notice(NoticeKind.ENDED),
        ),
        Sample(
            name="ended-request",
            title="The school has closed before it answered: the request is closed",
            notice=unanswered.notice(NoticeKind.ENDED),
        ),
    ]
