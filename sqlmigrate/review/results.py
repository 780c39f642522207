"""The result of a review: what it is based on, and each migration with its findings."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmigrate.files.migration import Migration
from sqlmigrate.parsing.script import Script

from .measure.facts import RoundTrip
from .rules.rule import Finding


@dataclass(frozen=True)
class Reviewed:
    """One new migration: its trip (None where there was no server), its findings, and whether it has a way back."""

    migration: Migration
    up: Script | None
    down: Script | None
    trip: RoundTrip | None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Size:
    """How large a table is in production."""

    rows: int
    size: int  # bytes, with its indexes


@dataclass(frozen=True)
class Basis:
    """What a review stands on: said under every report.

    `server` is None where there was none, and the static part alone remains; `why_static` says why.
    """

    base: str
    base_migrations: int
    server: str | None
    version: int = 0  # server_version_num
    filled: int = 0
    tables: int = 0
    unfilled: tuple[tuple[str, str], ...] = ()
    stub_roles: tuple[str, ...] = ()
    why_static: str = ""
    has_sizes: bool = False


@dataclass(frozen=True)
class Review:
    """A whole review: what it stands on, the new migrations in order, and what belongs to none of them."""

    ground: Basis
    migrations: tuple[Reviewed, ...]
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0
    directory: str = "sql"
