"""A small host on FastAPI that reaches its database by an async driver.

    uvicorn --factory examples.fastapi_host:create_app

Its own rows and the agreements are in one SQLite file, and are saved in one transaction. A page about one school, and
what people do, run in the event loop by `run_sync`. A page about all schools runs in a thread of its own, since it
computes for longer. Schools and people are made up, and the header ``X-User`` stands for the login of a real system.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
from fastapi import FastAPI, Header, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import create_async_engine

from datashare import (
    AccessLevel,
    BusinessRole,
    Capability,
    DatashareError,
    DataSharing,
    Done,
    EstablishmentStatus,
    Group,
    GroupId,
    Institution,
    Outcomes,
    Permission,
    Person,
    PersonId,
    SchoolSite,
    TrustLink,
)
from datashare.adapters.memory import MemoryInstitutionDirectory, MemoryPeopleDirectory
from datashare.adapters.sql import SqlAgreementStore, create_schema, in_async_transaction, sqlite_engine
from datashare.domain.agreements import RequestId
from datashare.web import http_status

TRUST = GroupId.mat("9901")
SCHOOLS = {900001: "St Hilda’s Primary School", 900002: "Oak Lane School"}
metadata = sa.MetaData()
clicks = sa.Table(
    "clicks",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
)
pupils = sa.Table(
    "pupils",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("urn", sa.Integer, nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
)


def register() -> MemoryInstitutionDirectory:
    """Return the schools of the trust; a real host reads the register."""
    links = [TrustLink(TRUST.code)]
    schools = [
        Institution(urn=urn, name=name, status=EstablishmentStatus.OPEN, trusts=links) for urn, name in SCHOOLS.items()
    ]
    return MemoryInstitutionDirectory(schools, groups=[Group(id=TRUST, name="Northern Lights Trust")])


def people() -> MemoryPeopleDirectory:
    """Return the users; a real host looks them up."""
    ana = Person(
        id=PersonId(TRUST, "ana"),
        name="Ana Okafor",
        email="ana@northern.example",
        permissions=[Permission.ADMINISTER_INSTITUTION_DETAILS],
    )
    heads = [
        Person(
            id=PersonId(urn, "head"),
            name=f"Head of {name}",
            email=f"head@{urn}.example",
            roles=[BusinessRole.HEAD_TEACHER],
        )
        for urn, name in SCHOOLS.items()
    ]
    sites = [SchoolSite(urn=urn, data_sharing_url=f"https://{urn}.example/data-sharing") for urn in SCHOOLS]
    return MemoryPeopleDirectory([ana, *heads], sites=sites)


class Asking(BaseModel):
    """A form: which schools to ask, under the command id that the page was made with."""

    urns: list[int]
    command_id: str


User = Annotated[str, Header(alias="X-User")]


def create_app(file: Path | str = "agreements.db") -> FastAPI:
    """Build the application over one SQLite file."""
    threads = sqlite_engine(file)
    engine = create_async_engine(sa.URL.create("sqlite+aiosqlite", database=str(file)), connect_args={"timeout": 30})
    sharing = DataSharing(store=SqlAgreementStore(threads), institutions=register(), people=people())

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        create_schema(threads)
        metadata.create_all(threads)
        yield
        threads.dispose()
        await engine.dispose()

    app = FastAPI(title="Data sharing", lifespan=lifespan)

    @app.exception_handler(DatashareError)
    async def explain(_request: Request, error: DatashareError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, status_code=http_status(error))

    @app.post("/requests")
    async def ask(form: Asking, user: User) -> list[dict[str, object]]:
        """Ask schools, and keep who clicked in the same transaction."""

        def work(connection: sa.Connection, store: SqlAgreementStore) -> Outcomes:
            trust = sharing.over(store).for_group(TRUST, actor=PersonId(TRUST, user))
            outcomes = trust.request(form.urns, level=AccessLevel.MIS_DATA, command_id=form.command_id)
            if any(not done.replayed for done in outcomes.done):
                connection.execute(clicks.insert().values(who=user, what=form.command_id))
            return outcomes

        return [
            {
                "urn": outcome.urn,
                "request": str(outcome.request) if outcome.request else None,
                "reasons": [] if isinstance(outcome, Done) else [str(reason) for reason in outcome.reasons],
            }
            for outcome in await in_async_transaction(engine, work)
        ]

    @app.post("/schools/{urn}/approve")
    async def approve(urn: int, request: str, user: User) -> dict[str, object]:
        """Let a school accept a request."""

        def work(_connection: sa.Connection, store: SqlAgreementStore) -> Done:
            return sharing.over(store).for_school(urn, actor=PersonId(urn, user)).approve(RequestId.parse(request))

        done = await in_async_transaction(engine, work)
        return {"urn": done.urn, "in_force": done.after.in_force is not None}

    @app.get("/schools/{urn}/pupils")
    async def list_pupils(urn: int) -> list[str]:
        """List a school's pupils, if it shares them; the question and the rows come over one connection."""

        def work(connection: sa.Connection) -> list[str]:
            here = sharing.over(SqlAgreementStore(connection))
            answer = here.explain(TRUST, urn, Capability.VIEW_MIS_DATA)
            if not answer.allowed:
                raise HTTPException(403, str(answer))
            return list(connection.scalars(sa.select(pupils.c.name).where(pupils.c.urn == urn)))

        async with engine.connect() as connection:
            return await connection.run_sync(work)

    @app.get("/coverage")
    async def coverage(user: User) -> dict[str, int]:
        """Count how far the trust has come, in a thread, so that other requests go on."""
        trust = sharing.for_group(TRUST, actor=PersonId(TRUST, user))
        total = (await asyncio.to_thread(trust.coverage)).total
        return {"schools": total.schools, "pending": total.pending, "missing": total.missing}

    return app
