"""The quickstart prints its whole story, and the story is true."""

import re
from pathlib import Path

import pytest

from datashare import AccessLevel, GroupId, State
from datashare.adapters.sql import SqlAgreementStore, sqlite_engine
from datashare.domain.agreements import fold
from datashare.ports import readable
from tests.examples.programs import run_program


def story_on(encoding: str, *arguments: Path, temporary: Path | None = None) -> str:
    """Run the example on a terminal of this encoding, and return its output in single spaces."""
    ran = run_program("quickstart.py", *arguments, encoding=encoding, COLUMNS="200", TMPDIR=str(temporary or ""))
    assert (0, "") == (ran.returncode, ran.stderr)
    return " ".join(ran.stdout.split())


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file in which the story is kept."""
    return tmp_path_factory.mktemp("quickstart") / "Areté agreements.sqlite"


@pytest.fixture(scope="module")
def story(file: Path) -> str:
    """Return the story as a modern terminal shows it."""
    return story_on("utf-8", file)


@pytest.mark.parametrize(
    "sentence",
    [
        "Read 2,311 institutions as they were on 2025-07-18.",
        "Search “kirk” among primaries: Kirkbymoorside Community Primary School",
        "Stokesley School (121669) is hidden from ARETÉ LEARNING TRUST: the register does not link it",
        "(it is in no trust); it closed on 31 March 2015 (succeeded by Stokesley School (141930)).",
        "it is due to open on 1 September 2025.",
        "(it is in trust 16309 THE GOLDEN THREAD ALLIANCE).",
        "URN 999999 is hidden from ARETÉ LEARNING TRUST: the register has no such URN.",
        "It would ask 10 schools and send 10 messages.",
        "(149551) would not be asked. The school has no MIS site",
        "First click: 10 schools asked, 10 messages.",
        "Second click: 10 answered from the record, 0 messages.",
        "10 reminders, one for each open request.",
        "Subject: Please answer: ARETÉ LEARNING TRUST asks Broomfield School to share data",
        "Subject: Accepted: Stokesley School shares data with ARETÉ LEARNING TRUST",
        "Subject: Declined: Richmond School does not share data with ARETÉ LEARNING TRUST",
        "Second thoughts: Request mat:5622/145090/1 was declined by Head of 145090 (urn:145090/head)",
        "- log in to the school’s MIS",
        "MIS Data & Trust Actions is in force, and a level is never reduced.",
        "ARETÉ LEARNING TRUST may view live data from the MIS at Stokesley School (141930).",
        "ARETÉ LEARNING TRUST may not view live data from the MIS at Richmond School (145090). No",
        "Ana Okafor may not log in to the MIS at Stokesley School (141930).",
        "Ana Okafor may log in to the MIS at Ryedale School (148377).",
        "Opened again, Areté agreements.sqlite holds 25 events, which make",
        "10 agreements: 7 pending, 2 approved, 1 no agreement;",
        "25 messages: 24 delivered, 1 cancelled.",
    ],
    ids=lambda sentence: sentence[:40],
)
def test_the_story_is_printed(story: str, sentence: str) -> None:
    """Each step of the story is printed with its outcome."""
    assert sentence in story


def test_what_was_previewed_is_sent(story: str) -> None:
    """The preview counts the schools and the messages of the click that follows."""
    asked, messages = re.findall(r"would ask (\d+) schools and send (\d+) messages", story)[0]

    assert f"First click: {asked} schools asked, {messages} messages." in story


def test_every_school_of_the_trust_is_listed(story: str) -> None:
    """The table holds the eleven open schools of the trust."""
    urns = [136728, 138845, 141930, 145090, 146969, 148374, 148375, 148376, 148377, 149551, 151399]

    assert [urn for urn in urns if f"│ {urn} │" in story] == urns


def test_a_terminal_without_accents_shows_the_story_too(tmp_path: Path) -> None:
    """Letters that cannot be shown are replaced; without a named file, only the messages are left behind."""
    assert "ARET? LEARNING TRUST may view live data" in story_on("ascii", temporary=tmp_path)
    (messages,) = tmp_path.iterdir()
    assert (messages / "index.html").exists()


def test_the_messages_can_be_opened(story: str, file: Path) -> None:
    """The last line names a page that lists every delivered message, with a page for each."""
    index = file.with_name(f"{file.name}-messages") / "index.html"
    pages = re.findall(r'href="(pages/\w+\.html)"', index.read_text(encoding="utf-8"))

    assert f"Read the messages in a browser: {index.as_uri()}" in story
    assert 24 == len(set(pages))
    assert all("<h1" in (index.parent / page).read_text(encoding="utf-8") for page in pages)


def test_the_story_is_in_the_file(story: str, file: Path) -> None:
    """Another process finds the agreements, the events and the messages in the file, after the story has ended."""
    assert "holds 25 events" in story
    trust = GroupId.mat("5622")
    engine = sqlite_engine(file)
    store = SqlAgreementStore(engine)
    states = {state.urn: state for state in readable(store.states(trust))}

    assert 10 == len(states)
    assert all(state == fold(state.id, store.history(state.id)) for state in states.values())
    assert (State.APPROVED, AccessLevel.MIS_DATA) == (states[141930].state, states[141930].level)
    assert (State.APPROVED, AccessLevel.MIS_DATA_AND_GROUP_ACTIONS) == (states[148377].state, states[148377].level)
    assert (State.NO_AGREEMENT, None) == (states[145090].state, states[145090].level)
    assert {urn for urn in states if states[urn].state is State.PENDING} == states.keys() - {141930, 148377, 145090}
    assert 25 == sum(1 for _ in store.group_history(trust)) == len(store.notices(trust))
    assert 10 == len(store.load([states[141930].id], command_id="july-request").outcomes)
    engine.dispose()


def test_an_existing_file_is_not_touched(tmp_path: Path) -> None:
    """The story needs a new file; the message names the existing one."""
    file = tmp_path / "notes.txt"
    file.write_text("Ours.", encoding="utf-8")

    ran = run_program("quickstart.py", file)

    assert (1, "") == (ran.returncode, ran.stdout)
    assert f"{file} exists already, and the story begins without agreements. Name a new file." in ran.stderr
    assert "Ours." == file.read_text(encoding="utf-8")
