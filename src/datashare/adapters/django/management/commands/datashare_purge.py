"""``manage.py datashare_purge``: erase names and addresses of old messages."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datashare.adapters.django.store import DjangoAgreementStore
from datashare.delivery import purge
from datashare.errors import DatashareError


class Command(BaseCommand):
    """Erases names and addresses of messages that were settled long ago; for cron, once a day."""

    help = "Erase names and addresses of messages that were sent, given up or cancelled some days ago."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the days for which messages are kept."""
        what = "how long messages are kept whole after they were settled; by default 30 days"
        parser.add_argument("--keep-days", type=int, default=30, metavar="N", help=what)

    def handle(self, *_args: Any, keep_days: int, **_options: Any) -> None:
        """Erase them, and print how many there were."""
        try:
            count = purge(DjangoAgreementStore(), keep_for=timedelta(days=keep_days))
        except (OverflowError, DatashareError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{count:,} messages were erased.")
