"""The example host over a small register: a trust, an authority, and their schools."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from datashare import Coded, EstablishmentStatus, Group, GroupId, Institution, Phase, TrustLink
from datashare.adapters.gias import Register
from datashare.adapters.sql import sqlite_engine
from examples.flask_host.app import create_app
from examples.flask_host.jobs import create_tables
from examples.flask_host.sharing import Mis
from examples.flask_host.tables import Association, Job, Pupil, Right, School, User

from .visitor import Visitor

TRUST, COUNCIL = GroupId.mat("9901"), GroupId.local_authority("870")
HILDA, OAK, ELM, FAR = 900001, 900002, 900003, 900004
ANA, BEN, LEILA, HEAD, DEPUTY, OAK_HEAD = range(1, 7)
"""The keys of the users."""


def school(urn: int, name: str, **changes: Any) -> Institution:
    """Build an open school of the trust in the area of the authority."""
    usual: dict[str, Any] = {
        "status": EstablishmentStatus.OPEN,
        "phase": Phase.PRIMARY,
        "town": "Reading",
        "trusts": [TrustLink(TRUST.code, "Northern Lights Trust")],
        "local_authority": Coded(COUNCIL.code, "Reading"),
    }
    return Institution(urn=urn, name=name, **(usual | changes))


def register_of(*schools: Institution, day: date = date(2026, 5, 1)) -> Register:
    """Build a register of schools, the trust and the authority."""
    groups = [Group(id=TRUST, name="Northern Lights Trust"), Group(id=COUNCIL, name="Reading")]
    return Register(
        institutions={school.urn: school for school in schools},
        groups={group.id: group for group in groups},
        day=day,
        rows=len(schools),
    )


SCHOOLS = (
    school(HILDA, "St Hilda’s <Primary> School"),
    school(OAK, "Oak Lane School", phase=Phase.SECONDARY),
    school(ELM, "Elm Grove School"),
    school(FAR, "Far Hill School", trusts=[]),
)


def users() -> list[User]:
    """Build the users; only Ana, Leila and the heads may do anything."""
    rights = ("inst.admin", "ds.end", "ds.register", "mis.login")
    leads = [
        User(
            id=key,
            group_id=str(group),
            name=name,
            email=f"{key}@group.example",
            rights=[Right(code=code) for code in rights],
            associations=[Association()],
        )
        for key, group, name in ((ANA, TRUST, "Ana Okafor"), (LEILA, COUNCIL, "Leila Haddad"))
    ]
    heads = [
        User(id=key, urn=urn, name=f"Head of {urn}", email=f"head@{urn}.example", jobs=[Job(code="HT")])
        for key, urn in ((HEAD, HILDA), (OAK_HEAD, OAK))
    ]
    deputy = User(id=DEPUTY, urn=HILDA, name="Tom Field", email="deputy@hilda.example", jobs=[Job(code="DHT")])
    return [*leads, *heads, deputy, User(id=BEN, group_id=str(TRUST), name="Ben Cole", jobs=[Job(code="FIN")])]


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """Start the host once, over a database that is filled once; Elm Grove School and Far Hill School have no site."""
    folder = tmp_path_factory.mktemp("flask_host")
    app = create_app({"DATABASE": str(folder / "mis.sqlite3")})
    mis: Mis = app.extensions["mis"]
    create_tables(mis.engine)
    mis.register.load(register_of(*SCHOOLS))
    mis.register.set_clusters(TRUST, {"North": [HILDA]})
    with Session(mis.engine) as session, session.begin():
        session.add_all([School(urn=HILDA), School(urn=OAK)])
        session.flush()
        session.add_all(users())
        session.add(Pupil(urn=HILDA, name="Zoë Pupil", year=3, attendance=96.4))
    mis.engine.dispose()
    return app


@pytest.fixture
def app(host: Flask, tmp_path: Path) -> Iterator[Flask]:
    """Return the host over a copy of that database."""
    shutil.copy(host.config["DATABASE"], tmp_path / "mis.sqlite3")
    engine = sqlite_engine(tmp_path / "mis.sqlite3")
    host.extensions["mis"] = Mis.over(engine, address=host.config["ADDRESS"])
    host.config.update(MAIL_FOLDER=str(tmp_path / "messages"), SMTP={})
    yield host
    engine.dispose()


@pytest.fixture
def mis(app: Flask) -> Mis:
    """Return what is behind the pages."""
    behind: Mis = app.extensions["mis"]
    return behind


@pytest.fixture
def log_in(app: Flask) -> Callable[[int], Visitor]:
    """Return a function that opens a browser for a user."""
    return lambda key: Visitor(app).log_in(key)
