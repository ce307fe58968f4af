"""Each adapter that breaks a promise fails the contract of directories or notifiers."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from email import message_from_string, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

import attrs
import pytest

from datashare.adapters.memory import MemoryInstitutionDirectory, MemoryPeopleDirectory
from datashare.domain.notices import Notice
from datashare.domain.people import Period, Person, PersonId, SchoolSite
from datashare.domain.register import EstablishmentStatus, GroupId, Institution
from datashare.ports import (
    Delivered,
    InstitutionDirectory,
    NeverDeliverable,
    Notifier,
    PeopleDirectory,
    SendResult,
    TryAgain,
)
from datashare.testing import (
    InstitutionDirectoryContract,
    NotifierContract,
    PeopleDirectoryContract,
    ReceivedMessage,
    ReceivedMessages,
    RegisterContents,
)


class Register(MemoryInstitutionDirectory):
    """A register in memory that can be replaced."""

    def __init__(self, register: RegisterContents) -> None:
        super().__init__([], groups=[])
        self.refresh(register)

    def refresh(self, register: RegisterContents) -> None:
        self.replace(
            register.institutions,
            groups=register.groups,
            clusters=register.clusters,
            successors=register.successors,
            register_day=register.day,
        )


class OpenOnly(Register):
    """1. Lists open schools only."""

    def linked(self, group: GroupId, /) -> Sequence[Institution]:
        return [school for school in super().linked(group) if school.status is EstablishmentStatus.OPEN]


class Demanding(Register):
    """2. Raises for an unknown URN."""

    def institutions(self, urns: Collection[int], /) -> Mapping[int, Institution]:
        known = super().institutions(urns)
        return {urn: known[urn] for urn in urns}


class Piecemeal(Register):
    """3. Takes a newer register in one school after the other."""

    def refresh(self, register: RegisterContents) -> None:
        new, old = register.institutions, getattr(self, "held", ())
        for number in range(len(new)):
            super().refresh(attrs.evolve(register, institutions=(*new[:number], *old[number:]), successors=()))
        super().refresh(register)
        self.held = new


class Forgetting(Register):
    """3. Keeps the clusters of an older register."""

    def refresh(self, register: RegisterContents) -> None:
        super().refresh(attrs.evolve(register, clusters=register.clusters or RegisterContents().clusters))


class Shared(Register):
    """4. Returns its own list."""

    def refresh(self, register: RegisterContents) -> None:
        super().refresh(register)
        self.listed: dict[GroupId, list[Institution]] = getattr(self, "listed", {})
        for group in RegisterContents().groups:
            self.listed.setdefault(group.id, [])[:] = super().linked(group.id)

    def linked(self, group: GroupId, /) -> Sequence[Institution]:
        return self.listed.get(group, [])


class Institutions(InstitutionDirectoryContract):
    """The contract, to call its tests one by one."""

    schools = 20
    refreshes = 50

    def __init__(self, kind: type[Register]) -> None:
        self.kind = kind

    def directory_of(self, register: RegisterContents) -> InstitutionDirectory:
        return self.kind(register)

    def refresh(self, directory: InstitutionDirectory, register: RegisterContents) -> None:
        assert isinstance(directory, Register)
        directory.refresh(register)


class Staff(MemoryPeopleDirectory):
    """People in memory who can all be replaced."""

    def __init__(self, people: Iterable[Person], sites: Iterable[SchoolSite]) -> None:
        self.held = (tuple(people), tuple(sites))
        super().__init__(self.held[0], sites=self.held[1])

    def become(self, people: Iterable[Person], sites: Iterable[SchoolSite]) -> None:
        self.remove(*(person.id for person in self.held[0]))
        for site in self.held[1]:
            self.remove_site(site.urn)
        self.held = (tuple(people), tuple(sites))
        self.put(*self.held[0])
        self.put_sites(*self.held[1])


class CurrentOnly(Staff):
    """1. Returns only roles that are held without end."""

    def at_schools(self, urns: Collection[int], /) -> Mapping[int, Sequence[Person]]:
        def current(person: Person) -> Person:
            return attrs.evolve(person, roles=tuple(held for held in person.roles if held.period == Period()))

        return {urn: [current(person) for person in people] for urn, people in super().at_schools(urns).items()}


class Cached(Staff):
    """1. Returns people as they were when it was made."""

    def become(self, people: Iterable[Person], sites: Iterable[SchoolSite]) -> None:
        """Ignore the change."""


class Unmapped(Staff):
    """2. Leaves out roles that the library does not know."""

    def people(self, ids: Collection[PersonId], /) -> Mapping[PersonId, Person]:
        def known(person: Person) -> Person:
            return attrs.evolve(person, roles=tuple(held for held in person.roles if held.role != "governor_2"))

        return {who: known(person) for who, person in super().people(ids).items()}


class Siteless(Staff):
    """3. Finds people by the host's id, whatever the site."""

    def people(self, ids: Collection[PersonId], /) -> Mapping[PersonId, Person]:
        by_host_id = {person.id.id: person for person in self.held[0]}
        return {who: by_host_id[who.id] for who in ids if who.id in by_host_id}


class Lending(Staff):
    """5. Returns its own mapping."""

    def __init__(self, people: Iterable[Person], sites: Iterable[SchoolSite]) -> None:
        super().__init__(people, sites)
        self.by_urn = {site.urn: site for site in self.held[1]}

    def become(self, people: Iterable[Person], sites: Iterable[SchoolSite]) -> None:
        super().become(people, sites)
        self.by_urn.clear()

    def sites(self, urns: Collection[int], /) -> Mapping[int, SchoolSite]:
        for urn in set(self.by_urn) - set(urns):
            self.by_urn.pop(urn)
        return self.by_urn


class Looking(Staff):
    """4. Looks schools up one by one, and counts how often."""

    looked = 0

    def at_schools(self, urns: Collection[int], /) -> Mapping[int, Sequence[Person]]:
        Looking.looked += len(urns)
        return super().at_schools(urns)


class People(PeopleDirectoryContract):
    """The contract, to call its tests one by one."""

    nothing_below = True
    several = 20

    def __init__(self, kind: type[Staff]) -> None:
        self.kind = kind

    def directory_of(self, people: Iterable[Person], sites: Iterable[SchoolSite]) -> PeopleDirectory:
        return self.kind(people, sites)

    def replace(self, directory: PeopleDirectory, people: Iterable[Person], sites: Iterable[SchoolSite]) -> None:
        assert isinstance(directory, Staff)
        directory.become(people, sites)


BROKEN: list[tuple[Callable[[Any], object], type, str]] = [
    (Institutions, OpenOnly, "test_every_linked_institution_is_listed_in_any_state"),
    (Institutions, Demanding, "test_only_what_was_asked_for_is_answered"),
    (Institutions, Piecemeal, "test_each_call_is_answered_from_one_register"),
    (Institutions, Forgetting, "test_a_newer_register_replaces_all_of_the_old"),
    (Institutions, Shared, "test_an_answer_is_a_copy"),
    (People, CurrentOnly, "test_people_are_answered_with_all_that_they_hold"),
    (People, Cached, "test_the_present_state_of_the_sites_is_answered"),
    (People, Unmapped, "test_everybody_is_answered_by_id"),
    (People, Siteless, "test_the_same_host_id_at_two_sites_is_two_people"),
    (People, Siteless, "test_only_what_was_asked_for_is_answered"),
    (People, Lending, "test_an_answer_is_a_copy"),
]


@pytest.mark.parametrize(
    ("suite", "broken", "test"), BROKEN, ids=[f"{kind.__name__}-{n}" for n, (_, kind, _) in enumerate(BROKEN)]
)
def test_a_directory_that_breaks_a_promise_fails(suite: Callable[[Any], object], broken: type, test: str) -> None:
    """The test that proves the promise fails on it, and passes on the class that keeps it."""
    getattr(suite(broken.__base__), test)()
    with pytest.raises((AssertionError, KeyError)):
        getattr(suite(broken), test)()


def test_a_directory_of_people_whose_cost_grows_fails() -> None:
    """The contract detects one round trip for each school, and a counter that counts nothing."""

    class Counted(People):
        nothing_below = False

    def count(call: Callable[[], object]) -> int:
        before = Looking.looked
        call()
        return 1 + Looking.looked - before

    test = "test_people_of_many_schools_cost_as_much_as_those_of_one"
    getattr(Counted(Staff), test)(count)
    with pytest.raises(AssertionError):
        getattr(Counted(Looking), test)(count)
    with pytest.raises(AssertionError, match="Nothing was counted"):
        getattr(Counted(Staff), test)(lambda call: [call()].count(0))


class MailServer:
    """The other side of a notifier: accepts messages, or refuses them with a code."""

    def __init__(self, code: int = 250) -> None:
        self.code = code
        self.accepted: list[str] = []

    def accept(self, raw: str) -> int:
        if self.code < 400:
            self.accepted.append(raw)
        return self.code

    def received(self) -> list[ReceivedMessage]:
        """Read the accepted messages as a mail client does."""
        return [_read(raw) for raw in self.accepted]


def _read(raw: str) -> ReceivedMessage:
    tags = list[str]()

    class TagReader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(f"{tag} {attrs}")

    message = message_from_string(raw, policy=policy.default)
    TagReader().feed(message.get_content())
    headers = tuple(message.keys())
    return ReceivedMessage(id=message["Message-ID"], recipients=(message["To"],), headers=headers, markup=tuple(tags))


class MailNotifier:
    """Sends a notice as a message with an HTML part, as a host would."""

    def __init__(self, server: MailServer) -> None:
        self.server = server

    def send(self, notice: Notice, /) -> SendResult:
        code = self.server.accept(self.message(notice))
        return Delivered() if code < 400 else TryAgain(str(code)) if code < 500 else NeverDeliverable(str(code))

    def message(self, notice: Notice) -> str:
        message = EmailMessage()
        message["Message-ID"] = f"<{notice.id}@host.example>"
        message["To"] = notice.address
        # An encoded word would be decoded, line breaks in it included, when the message is written.
        message["Subject"] = " ".join(f"Data sharing with {notice.group_name}".replace("=?", "= ?").split())
        message.set_content(f"<p>{self.escape(notice.reason or '')}</p>", subtype="html")
        return message.as_string()

    def escape(self, text: str) -> str:
        return text.replace("&", "&amp;").replace("<", "&lt;")


class Injectable(MailNotifier):
    """4. Lets a name add a header."""

    def message(self, notice: Notice) -> str:
        return f"X-Group: {notice.group_name}\n{super().message(notice)}"


class Marked(MailNotifier):
    """4. Lets a reason add markup."""

    def escape(self, text: str) -> str:
        return text


class Anonymous(MailNotifier):
    """3. Makes an id of its own for each message."""

    def message(self, notice: Notice) -> str:
        return super().message(attrs.evolve(notice, id=f"{len(self.server.accepted)}"))


class Hopeful(MailNotifier):
    """1. Says delivered whatever the other side said."""

    def send(self, notice: Notice, /) -> SendResult:
        super().send(notice)
        return Delivered()


class Nervous(MailNotifier):
    """2. Raises where the other side does not accept a message."""

    def send(self, notice: Notice, /) -> SendResult:
        answer = super().send(notice)
        if answer != Delivered():
            raise ConnectionError(answer)
        return answer


class TestMailNotifier(NotifierContract):
    """A notifier over a mail server keeps the contract."""

    @pytest.fixture
    def server(self) -> MailServer:
        """Return a server that accepts everything."""
        return MailServer()

    @pytest.fixture
    def accepting(self, server: MailServer) -> Notifier:
        """Return the notifier over it."""
        return MailNotifier(server)

    @pytest.fixture
    def received(self, server: MailServer) -> ReceivedMessages:
        """Return what reads the messages that it accepted."""
        return server.received

    @pytest.fixture
    def down(self) -> Iterable[Notifier]:
        """Return a notifier over a server that is busy."""
        return [MailNotifier(MailServer(451))]

    @pytest.fixture
    def refusing(self) -> Iterable[Notifier]:
        """Return a notifier over a server that knows nobody."""
        return [MailNotifier(MailServer(550))]


def _accepting(test: str, *arguments: Any) -> Callable[[type[MailNotifier]], None]:
    def run(kind: type[MailNotifier]) -> None:
        server = MailServer()
        getattr(TestMailNotifier(), test)(kind(server), server.received, *arguments)

    return run


def _failing(test: str, code: int) -> Callable[[type[MailNotifier]], None]:
    return lambda kind: getattr(TestMailNotifier(), test)([kind(MailServer(code))])


LINE_BREAK = "Head\nBcc: eve@evil.example"
SENT = "test_no_value_adds_a_header_a_recipient_or_markup"


@pytest.mark.parametrize(
    ("broken", "run"),
    [
        (Injectable, _accepting(SENT, LINE_BREAK)),
        (Marked, _accepting(SENT, "<b>Pay here</b>")),
        (Anonymous, _accepting("test_a_repeated_notice_is_recognised_by_its_id")),
        (Hopeful, _failing("test_a_server_that_is_down_is_tried_again", 451)),
        (Hopeful, _failing("test_what_is_refused_for_ever_is_never_deliverable", 550)),
        (Nervous, _failing("test_a_server_that_is_down_is_tried_again", 451)),
    ],
    ids=["header", "markup", "id", "down", "refused", "raising"],
)
def test_a_notifier_that_breaks_a_promise_fails(
    broken: type[MailNotifier], run: Callable[[type[MailNotifier]], None]
) -> None:
    """The test that proves the promise fails on it, and passes on one that keeps it."""
    run(MailNotifier)
    with pytest.raises((AssertionError, ConnectionError)):
        run(broken)
