"""The example host on FastAPI, asked over HTTP within one event loop."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient, Response

from examples.fastapi_host import create_app

HILDA, OAK = 900001, 900002
ANA, HEAD = {"X-User": "ana"}, {"X-User": "head"}
FIRST_REQUEST = {"request": f"mat:9901/{HILDA}/1"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return where the host keeps its rows."""
    return tmp_path / "host.db"


def visit(file: Path, story: Callable[[AsyncClient], Awaitable[None]]) -> None:
    """Start the host on a file, let a story ask it, and stop it."""

    async def run() -> None:
        app = create_app(file)
        transport = ASGITransport(app)
        async with app.router.lifespan_context(app), AsyncClient(transport=transport, base_url="http://host") as client:
            await story(client)

    asyncio.run(run())


def rows(file: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    """Read or write the host's own rows, past the host."""
    with closing(sqlite3.connect(file)) as connection, connection:
        return connection.execute(statement, values).fetchall()


async def ask(client: AsyncClient, *urns: int, command_id: str = "spring", user: str = "ana") -> Response:
    """Ask schools by the host's form."""
    return await client.post("/requests", json={"urns": urns, "command_id": command_id}, headers={"X-User": user})


def asked(urn: int) -> dict[str, object]:
    """Return what the host answers for a school that was asked."""
    return {"urn": urn, "request": f"mat:9901/{urn}/1", "reasons": []}


def test_a_school_that_accepts_shows_its_pupils(file: Path) -> None:
    """From the first click to the protected page."""

    async def story(client: AsyncClient) -> None:
        for urn, name in ((HILDA, "Zoë"), (OAK, "Owen")):
            rows(file, "INSERT INTO pupils (urn, name) VALUES (?, ?)", urn, name)
        assert 403 == (await client.get(f"/schools/{HILDA}/pupils")).status_code

        assert [asked(HILDA), asked(OAK)] == (await ask(client, HILDA, OAK)).json()
        coverage = await client.get("/coverage", headers=ANA)
        assert {"schools": 2, "pending": 2, "missing": 0} == coverage.json()
        accepted = await client.post(f"/schools/{HILDA}/approve", params=FIRST_REQUEST, headers=HEAD)

        assert {"urn": HILDA, "in_force": True} == accepted.json()
        assert ["Zoë"] == (await client.get(f"/schools/{HILDA}/pupils")).json()
        refused = await client.get(f"/schools/{OAK}/pupils")
        assert 403 == refused.status_code
        assert "No agreement is in force" in refused.json()["detail"]

    visit(file, story)


def test_six_clicks_are_one_row_and_one_request(file: Path) -> None:
    """They arrive together, and all of them are answered with the one request."""

    async def story(client: AsyncClient) -> None:
        answers = await asyncio.gather(*(ask(client, HILDA) for _ in range(6)))
        assert 6 * [[asked(HILDA)]] == [answer.json() for answer in answers]

    visit(file, story)

    assert [("ana", "spring")] == rows(file, "SELECT who, what FROM clicks")
    assert [(1,)] == rows(file, "SELECT COUNT(*) FROM datashare_events")


def test_each_error_has_its_status(file: Path) -> None:
    """The answer says what happened, and nothing is saved, the host's own row included."""

    async def story(client: AsyncClient) -> None:
        nobody = await ask(client, HILDA, user="nobody")
        wrong = await ask(client, 0)
        gone = await client.post(f"/schools/{HILDA}/approve", params=FIRST_REQUEST, headers=HEAD)
        rows(file, "DROP TABLE datashare_events")
        broken = await ask(client, HILDA)

        assert [403, 422, 409, 500] == [answer.status_code for answer in (nobody, wrong, gone, broken)]
        assert "create_schema" in broken.json()["detail"]

    visit(file, story)

    assert [] == rows(file, "SELECT * FROM clicks")


def test_a_school_that_was_asked_already_says_so(file: Path) -> None:
    """The reasons are words for the page."""

    async def story(client: AsyncClient) -> None:
        await ask(client, HILDA)
        answer: list[dict[str, Any]] = (await ask(client, HILDA, command_id="summer")).json()

        assert [None] == [school["request"] for school in answer]
        assert [1] == [len(school["reasons"]) for school in answer]

    visit(file, story)
