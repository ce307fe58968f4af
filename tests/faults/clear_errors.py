"""What an error says when the store cannot be used."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from datashare.errors import StoreUnavailable


@contextmanager
def unavailable(*reasons: str) -> Iterator[None]:
    """Check that the block raises a clear `StoreUnavailable`."""
    with pytest.raises(StoreUnavailable) as caught:
        yield
    assert_clear(caught.value, *reasons)


def assert_clear(error: StoreUnavailable, *reasons: str) -> None:
    """Check that the message says what happened, one of these reasons in the database's words, and what to do."""
    assert str(error).startswith(
        "The agreement store cannot be reached, or is locked, full or read-only. The database said: "
    )
    assert str(error).endswith("Try again later with the same command id, so that nothing is done twice.")
    assert any(reason in error.why for reason in reasons), str(error)
