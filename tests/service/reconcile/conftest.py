"""The world of these tests."""

import pytest

from tests.world import HILDA, NO_APPROVER, OSCAR, World


@pytest.fixture
def world() -> World:
    """Return a world with two agreements and an open request."""
    world = World()
    world.approved(HILDA, OSCAR)
    world.asked(NO_APPROVER, command_id="pending")
    return world
