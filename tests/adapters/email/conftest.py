"""Certificates, and worlds over both stores."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest
import trustme

from datashare.adapters.sql import SqlAgreementStore, create_schema, sqlite_engine
from tests.world import World


@attrs.frozen(kw_only=True)
class Certificates:
    """An authority of the tests' own, and a context that trusts it.

    Attributes:
        authority: What issues certificates.
        trusting: A client's context, as strict as the usual one.
    """

    authority: trustme.CA
    trusting: ssl.SSLContext

    def server(self, name: str = "127.0.0.1", *, until: datetime | None = None) -> ssl.SSLContext:
        """Make a server's context with a certificate for a name, valid until an instant."""
        since = datetime(2000, 1, 1, tzinfo=UTC) if until else None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(name, not_before=since, not_after=until).configure_cert(context)
        return context


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    """Give an authority that only `trusting` trusts."""
    authority = trustme.CA()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    return Certificates(authority=authority, trusting=trusting)


@pytest.fixture(params=["memory", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Give a world over the store in memory, and one over a SQLite file."""
    if request.param == "memory":
        yield World()
        return
    engine = sqlite_engine(tmp_path / "agreements.sqlite")
    create_schema(engine)
    yield World(store=SqlAgreementStore(engine))
    engine.dispose()
