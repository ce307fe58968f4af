"""A real trust, on real rows of the register, from its list of schools to working access.

The trust, the schools and their dates come from the register of 18 July 2025. The people are made up, and no message
leaves this machine: each is written to a folder, where a browser can open it. The register and the agreements are kept
in a SQLite file, which you can name:

    python examples/quickstart.py agreements.sqlite

The messages are then in `agreements.sqlite-messages`. Without a name, the file and the folder are temporary ones.
"""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import pendulum
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine

from datashare import (
    AccessLevel,
    Associations,
    BusinessRole,
    Capability,
    DataSharing,
    GroupId,
    GroupSide,
    Notice,
    Outcomes,
    Permission,
    Person,
    PersonId,
    Phase,
    Refused,
    RequestId,
    SchoolSite,
    Tab,
    WithRoles,
)
from datashare.adapters.email import EmailRenderer, MaildirNotifier
from datashare.adapters.gias import read_register
from datashare.adapters.memory import MemoryPeopleDirectory
from datashare.adapters.sql import (
    SqlAgreementStore,
    SqlInstitutionDirectory,
    create_directory_schema,
    create_schema,
    sqlite_engine,
)
from datashare.delivery import deliver
from datashare.ports import readable
from datashare.service import GroupActions

DATA = Path(__file__).parent / "data"
TRUST = GroupId.mat("5622")  # Areté Learning Trust
ANA = PersonId(TRUST, "ana")
STOKESLEY, RICHMOND, RYEDALE, MILL_HILL = 141930, 145090, 148377, 149551
STAFF = ("head", "Head", BusinessRole.HEAD_TEACHER), ("data", "Data manager", BusinessRole.DATA_MANAGER)
HEADS = WithRoles([BusinessRole.HEAD_TEACHER])

EMAILS = EmailRenderer(
    sender="no-reply@arete.example", sender_name="Areté Learning Trust", list_id="data-sharing.arete.example"
)

console = Console()


class TableClock:
    """A clock that is moved by hand, so that the story can skip days."""

    def __init__(self, start: pendulum.DateTime) -> None:
        self.instant = start

    def now(self) -> pendulum.DateTime:
        """Return the instant that the clock shows, in UTC."""
        return self.instant

    def move_on(self, by: timedelta) -> None:
        """Let time pass."""
        self.instant += by


def main(arguments: list[str]) -> None:
    """Run the whole story in the named file, or in a temporary one."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without É shows ?, and the story goes on
    if not arguments:
        with TemporaryDirectory() as folder:
            run(Path(folder) / "agreements.sqlite", Path(mkdtemp(prefix="datashare-messages-")))
    elif Path(arguments[0]).exists():
        raise SystemExit(f"{arguments[0]} exists already, and the story begins without agreements. Name a new file.")
    else:
        run(Path(arguments[0]), Path(f"{arguments[0]}-messages"))


def run(file: Path, messages: Path) -> None:
    """Run the whole story, with its agreements in a file and its messages in a folder."""
    engine = sqlite_engine(file)
    create_schema(engine)
    clock = TableClock(pendulum.datetime(2025, 7, 21, 8, 30, tz="UTC"))
    people = MemoryPeopleDirectory([ana()])
    store, notifier = SqlAgreementStore(engine), MaildirNotifier(EMAILS, messages)
    sharing = DataSharing(store=store, institutions=register(engine), people=people, clock=clock)
    trust = sharing.for_group(TRUST, actor=ANA)

    chapter("1. The trust's schools, from the register")
    browse(trust)
    chapter("2. Who is not in the list, and why")
    explain_the_missing(trust)
    chapter("3. What sending a request would do")
    urns = [row.urn for row in trust.browse().items]
    staff(people, urns)
    preview(trust, urns)
    chapter("4. The request is sent, and sent again by a second click")
    requests = send(trust, urns)
    deliver(store, notifier, clock=clock)  # as a cron job would, once a minute
    chapter("5. A week later: a reminder")
    clock.move_on(timedelta(days=7))
    remind(trust, requests)
    deliver(store, notifier, clock=clock)
    chapter("6. One head accepts, another declines")
    answer(sharing, requests)
    deliver(store, notifier, clock=clock)
    chapter("7. The level is raised")
    raise_level(sharing, trust, requests)
    deliver(store, notifier, clock=clock)
    chapter("8. The tabs")
    tabs(trust)
    chapter("9. What the trust's staff may do now, and why")
    access(sharing)
    chapter("10. What the file holds")
    engine.dispose()
    open_again(file)
    console.print("Read the messages in a browser:", notifier.index.absolute().as_uri(), soft_wrap=True)


def register(engine: Engine) -> SqlInstitutionDirectory:
    """Read the register's downloads into the database."""
    download = read_register(
        DATA / "edubasealldata20250718_sample.csv.gz",
        groups=DATA / "allgroupsdata20220331_resaved_sample.csv.gz",
        links=DATA / "links_edubasealldata20250718_sample.csv.gz",
    )
    console.print(f"Read {len(download.institutions):,} institutions as they were on {download.day}.")
    create_directory_schema(engine)
    directory = SqlInstitutionDirectory(engine)
    directory.load(download)
    directory.set_clusters(TRUST, {"North York Moors": [148374, 148375, 148376, RYEDALE]})
    return directory


def ana() -> Person:
    """Build the trust's data lead."""
    return Person(
        id=ANA,
        name="Ana Okafor",
        email="ana.okafor@arete.example",
        permissions=[Permission.ADMINISTER_INSTITUTION_DETAILS, Permission.LOG_IN_ASSOCIATED_INSTITUTIONS],
        associations=Associations(clusters=["North York Moors"]),
    )


def staff(people: MemoryPeopleDirectory, urns: Iterable[int]) -> None:
    """Add an MIS site, a head and a data manager for each school but one, which has another MIS."""
    for urn in set(urns) - {MILL_HILL}:
        people.put_sites(SchoolSite(urn=urn, data_sharing_url=f"https://mis.example/{urn}/data/data-sharing"))
        for key, name, role in STAFF:
            who = PersonId(urn, key)
            people.put(Person(id=who, name=f"{name} of {urn}", email=f"{key}@{urn}.example", roles=[role]))


def browse(trust: GroupSide) -> None:
    """List the schools, then search and filter."""
    table = Table("URN", "School", "Phase", "Town", "Clusters")
    for row in trust.browse().items:
        school = row.institution
        table.add_row(str(row.urn), row.name, school.phase.label, school.town, ", ".join(row.clusters))
    console.print(table)
    matches = trust.browse(search="kirk", phase={Phase.PRIMARY})
    names = ", ".join(row.name for row in matches.items)
    console.print(f"Search “kirk” among primaries: {names}")


def explain_the_missing(trust: GroupSide) -> None:
    """Explain URNs that a user might miss: a school's old number, a new school, another trust's, a typing error."""
    for urn in (121669, 151641, 142346, 999999):
        console.print(f"• {trust.why(urn)}")


def ask(side: GroupActions[Outcomes], urns: Iterable[int]) -> Outcomes:
    """Ask the heads of schools, or preview it; a repeated command sends nothing twice."""
    return side.request(urns, level=AccessLevel.MIS_DATA, recipients=HEADS, command_id="july-request")


def preview(trust: GroupSide, urns: Iterable[int]) -> None:
    """Show what would happen, school by school."""
    would_be = ask(trust.preview, urns)
    console.print(f"It would ask {len(would_be.done)} schools and send {len(would_be.notices)} messages.")
    for refused in would_be.not_done:
        console.print(f"• {refused.name} ({refused.urn}) would not be asked. {refused}")


def send(trust: GroupSide, urns: Iterable[int]) -> Mapping[int, RequestId]:
    """Ask, and ask again by a second click; return the request to each school."""
    first, second = ask(trust, urns), ask(trust, urns)
    console.print(f"First click: {len(first.done)} schools asked, {len(first.notices)} messages.")
    replayed = sum(outcome.replayed for outcome in second.done)
    console.print(f"Second click: {replayed} answered from the record, {len(second.notices)} messages.")
    show(first.notices[0])
    return {request.urn: request for request in first.requests}


def remind(trust: GroupSide, requests: Mapping[int, RequestId]) -> None:
    """Remind those who have not answered."""
    reminded = trust.remind(requests.values(), command_id="july-reminder")
    console.print(f"{len(reminded.notices)} reminders, one for each open request.")
    show(reminded.notices[0])


def answer(sharing: DataSharing, requests: Mapping[int, RequestId]) -> None:
    """Let two heads answer, and one of them change their mind too late."""
    head = sharing.for_school(STOKESLEY, actor=PersonId(STOKESLEY, "head"))
    entry = head.page()[0]
    console.print(
        f"The head of Stokesley School sees: {entry.group.name} asks for {entry.requested_label}, which lets it:"
    )
    for capability in entry.would_add:
        console.print(f"• {capability.label}")
    show(*head.approve(requests[STOKESLEY]).notices)

    other = sharing.for_school(RICHMOND, actor=PersonId(RICHMOND, "head"))
    show(*other.decline(requests[RICHMOND], reason="We change our MIS in September; please ask again then.").notices)
    try:
        other.approve(requests[RICHMOND])
    except Refused as refused:
        console.print(f"Second thoughts: {refused}")


def raise_level(sharing: DataSharing, trust: GroupSide, requests: Mapping[int, RequestId]) -> None:
    """Ask a school for a higher level; until it accepts, the old level stays in force."""
    more = AccessLevel.MIS_DATA_AND_GROUP_ACTIONS
    too_early = trust.request([RYEDALE], level=more, recipients=HEADS, command_id="ryedale-too-early")
    console.print(f"At once? {too_early.not_done[0]}")

    head = sharing.for_school(RYEDALE, actor=PersonId(RYEDALE, "head"))
    head.approve(requests[RYEDALE])
    upgrade = trust.request([RYEDALE], level=more, recipients=HEADS, command_id="ryedale-upgrade")
    show(*upgrade.notices)
    head.approve(upgrade.requests[0])

    lower = trust.request([RYEDALE], level=AccessLevel.MIS_DATA, command_id="ryedale-lower")
    console.print(f"And back again? {lower.not_done[0]}")


def tabs(trust: GroupSide) -> None:
    """Count the schools under each tab."""
    table, labels = Table("Tab", "Schools", "Level in force"), dict(trust.requestable_levels())
    for tab in Tab:
        rows = trust.agreements(tab)
        levels = sorted({labels[row.level] for row in rows if row.level})
        table.add_row(tab.label, str(len(rows)), ", ".join(levels))
    console.print(table)


def access(sharing: DataSharing) -> None:
    """Show what is allowed: by a map for every page, and for one person."""
    allowed = sharing.access(TRUST)
    for urn in (STOKESLEY, RICHMOND, RYEDALE):
        console.print(f"• {allowed.explain(urn, Capability.VIEW_MIS_DATA)}")
    for urn in (STOKESLEY, RYEDALE):
        console.print(f"• {sharing.explain_log_in(ANA, urn)}")


def open_again(file: Path) -> None:
    """Read the file as another process would."""
    engine = sqlite_engine(file)
    store = SqlAgreementStore(engine)
    states = Counter(agreement.state.label.lower() for agreement in readable(store.states(TRUST)))
    messages = Counter(notice.status.value for notice in store.notices(TRUST))
    events = sum(1 for _ in store.group_history(TRUST))
    console.print(f"Opened again, {file.name} holds {events} events, which make")
    console.print(f"• {states.total()} agreements: {listed(states)};")
    console.print(f"• {messages.total()} messages: {listed(messages)}.")
    engine.dispose()


def listed(counts: Counter[str]) -> str:
    """Write counts in a line, the highest first."""
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def chapter(title: str) -> None:
    """Print a heading."""
    console.print()
    console.rule(f"[bold]{title}", align="left")


def show(*notices: Notice) -> None:
    """Print messages as plain text."""
    for notice in notices:
        text = Text(f"To: {notice.address}\nSubject: {EMAILS.subject(notice)}\n\n{EMAILS.text(notice).strip()}")
        console.print(Panel(text, title=f"Message: {notice.kind.value}", title_align="left", expand=False, width=120))


if __name__ == "__main__":
    main(sys.argv[1:])
