"""What several tests of the host's pages do first."""

from collections.abc import Callable

from .visitor import Page, Visitor

LogIn = Callable[[int], Visitor]


def ask(visitor: Visitor, *urns: int, level: str = "mis_data", to: str = "heads") -> Page:
    """Ask schools, by the form, the preview and the confirmation."""
    visitor.open("/schools")
    visitor.press("Ask for data", urn=[str(urn) for urn in urns])
    visitor.press("Preview", level=level, to=to)
    return visitor.press("Confirm")


def accept(visitor: Visitor, urn: int) -> Page:
    """Accept the first open request of a school."""
    visitor.open(f"/data-sharing/{urn}")
    return visitor.press("Accept")
