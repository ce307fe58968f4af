"""What runs beside the pages, as commands: the tables, the nightly register, and the messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import click
import sqlalchemy as sa
from flask import Blueprint, current_app

from datashare import DatashareError, SystemActor
from datashare.adapters.email import EmailNotifier, EmailRenderer, MaildirNotifier, MailServer, Security
from datashare.adapters.gias import Register, read_register
from datashare.adapters.sql import SqlAgreementStore, create_directory_schema, create_schema
from datashare.delivery import DeliveryReport, deliver, purge

from .sharing import Mis
from .tables import Base

jobs = Blueprint("jobs", __name__, cli_group=None)


def create_tables(engine: sa.Engine) -> None:
    """Create the tables of the library and of the host, where they do not exist."""
    create_schema(engine)
    create_directory_schema(engine)
    Base.metadata.create_all(engine)


def refresh(mis: Mis, register: Register, *, confirmed: bool = False) -> Iterator[str]:
    """Put a newer register in place; record what it shows for each group with agreements, and say what that means.

    The plan of a group is applied on a page.
    """
    mis.register.load(register, confirmed=confirmed)
    for group in mis.sharing.groups():
        nightly = mis.sharing.for_group(group, actor=SystemActor("nightly-register"))
        try:
            nightly.record_visibility(command_id=f"register-{register.day}")
            yield str(nightly.reconcile())
        except DatashareError as error:
            yield f"{group}: {error}"  # which holds up no other group


def send_messages(engine: sa.Engine, settings: Mapping[str, Any]) -> DeliveryReport:
    """Send what is due, over SMTP if the settings name a server; otherwise write it to a folder, to be looked at."""
    renderer = EmailRenderer(sender=settings["MAIL_FROM"], sender_name="The MIS")
    store, smtp = SqlAgreementStore(engine), dict(settings["SMTP"])
    if not smtp:
        return deliver(store, MaildirNotifier(renderer, settings["MAIL_FOLDER"]))
    security = Security(smtp.pop("security", "starttls"))
    with EmailNotifier(renderer, MailServer(security=security, **smtp)) as notifier:
        return deliver(store, notifier)


@jobs.cli.command("register")
@click.argument("establishments")
@click.option("--groups", help="The download “All group records”.")
@click.option("--links", help="The download “Establishment links”.")
@click.option("--confirmed", is_flag=True, help="A person has checked a register that was refused.")
def register(establishments: str, groups: str | None, links: str | None, *, confirmed: bool) -> None:
    """Put the download ESTABLISHMENTS in place, and print what it means for each group."""
    try:
        newer = read_register(establishments, groups=groups, links=links)
        for summary in refresh(current_app.extensions["mis"], newer, confirmed=confirmed):
            click.echo(f"{summary}\n")
    except DatashareError as error:
        raise click.ClickException(str(error)) from error


@jobs.cli.command("deliver")
def deliver_command() -> None:
    """Send the messages that are due; call it once a minute."""
    click.echo(send_messages(current_app.extensions["mis"].engine, current_app.config))


@jobs.cli.command("purge")
@click.option("--days", default=30, help="How long messages that were sent, given up or cancelled are kept.")
def purge_command(days: int) -> None:
    """Erase names and addresses of old messages; call it once a day."""
    store = SqlAgreementStore(current_app.extensions["mis"].engine)
    click.echo(f"{purge(store, keep_for=timedelta(days=days))} messages were erased.")
