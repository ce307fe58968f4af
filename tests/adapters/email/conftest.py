"""Certificates, and a world to act in."""

import ssl
from datetime import UTC, datetime

import attrs
import pytest
import trustme

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
        """Build a server's context with a certificate for a name, valid until an instant."""
        since = datetime(2000, 1, 1, tzinfo=UTC) if until else None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(name, not_before=since, not_after=until).configure_cert(context)
        return context


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    """Build an authority that only `trusting` trusts."""
    authority = trustme.CA()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    return Certificates(authority=authority, trusting=trusting)


@pytest.fixture
def world() -> World:
    """Build a world over the store in memory; the contracts of stores prove the others."""
    return World()
