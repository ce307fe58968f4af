"""``manage.py datashare_deliver``: send the messages that are due."""

from __future__ import annotations

from argparse import ArgumentParser
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datashare.adapters.django import _settings
from datashare.adapters.django.store import DjangoAgreementStore
from datashare.delivery import deliver
from datashare.errors import DatashareError


class Command(BaseCommand):
    """Sends the messages that are due; for cron, once a minute, in any number of processes."""

    help = "Send the messages that are due, by the notifier that DATASHARE['NOTIFIER'] names."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the most messages to send."""
        parser.add_argument(
            "--limit", type=int, metavar="N", help="send at most N messages; by default all that are due"
        )

    def handle(self, *_args: Any, limit: int | None = None, **_options: Any) -> None:
        """Send them, and print what became of them."""
        try:
            notifier = _settings.function("NOTIFIER")()
            # One that keeps a connection, as EmailNotifier does, closes it at the end.
            with notifier if isinstance(notifier, AbstractContextManager) else nullcontext():
                report = deliver(DjangoAgreementStore(), notifier, limit=limit)
        except DatashareError as error:
            raise CommandError(str(error)) from error
        counts = {
            "sent": report.delivered,
            "to be tried again": report.retried,
            "given up": report.given_up,
            "left for a later run": report.lost + report.unsent + report.unsettled,
            "unreadable": len(report.unreadable),
        }
        self.stdout.write(
            ", ".join(f"{number} {what}" for what, number in counts.items() if number) or "Nothing is due."
        )
