"""The host's own tables, by SQLAlchemy's ORM: sites, users with their jobs and rights, pupils, and clicks."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from datashare import GroupId


class Base(DeclarativeBase):
    """The parent of all tables of this host."""


class School(Base):
    """A school that has a site in this MIS; the register names many more."""

    __tablename__ = "schools"
    urn: Mapped[int] = mapped_column(primary_key=True)
    data_sharing_url: Mapped[str | None] = mapped_column(sa.String(2000))  # where its page is not this host's


class User(Base):
    """Somebody who can log in: at the site of a group, such as ``mat:5143``, or at that of a school."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    group_id: Mapped[str | None] = mapped_column(sa.String(20), index=True)
    urn: Mapped[int | None] = mapped_column(sa.ForeignKey("schools.urn"), index=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    email: Mapped[str | None] = mapped_column(sa.String(254))
    first_day: Mapped[date | None]
    last_day: Mapped[date | None]
    jobs: Mapped[list[Job]] = relationship(lazy="selectin", cascade="all, delete-orphan")
    rights: Mapped[list[Right]] = relationship(lazy="selectin", cascade="all, delete-orphan")
    associations: Mapped[list[Association]] = relationship(lazy="selectin", cascade="all, delete-orphan")

    @property
    def site(self) -> GroupId | int:
        """Where they work."""
        return self.urn or GroupId.parse(self.group_id)


class Job(Base):
    """A job that a user holds, by this host's own code, from a day to a day."""

    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), index=True)
    code: Mapped[str] = mapped_column(sa.String(20))
    first_day: Mapped[date | None]
    last_day: Mapped[date | None]


class Right(Base):
    """Something that a user may do besides what their jobs allow, by this host's own code, from a day to a day."""

    __tablename__ = "rights"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), index=True)
    code: Mapped[str] = mapped_column(sa.String(40))
    first_day: Mapped[date | None]
    last_day: Mapped[date | None]


class Association(Base):
    """What a group's user may log in to: a school, a cluster, or with neither every school of the group."""

    __tablename__ = "associations"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), index=True)
    urn: Mapped[int | None]
    cluster: Mapped[str | None] = mapped_column(sa.String(100))


class Pupil(Base):
    """A pupil; the group's staff may see them only while the school shares its live data."""

    __tablename__ = "pupils"
    id: Mapped[int] = mapped_column(primary_key=True)
    urn: Mapped[int] = mapped_column(sa.ForeignKey("schools.urn"), index=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    year: Mapped[int]
    attendance: Mapped[float]


class Click(Base):
    """What a user confirmed, saved in the same transaction as what came of it."""

    __tablename__ = "clicks"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), index=True)
    what: Mapped[str] = mapped_column(sa.String(40))
    at: Mapped[datetime] = mapped_column(server_default=sa.func.current_timestamp())
