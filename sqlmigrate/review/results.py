"""The result of a review: what it is based on, and each migration with its findings."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlmigrate.files.migration import Migration
from sqlmigrate.parsing.script import Script
from sqlmigrate.shadow.executable_files import LeftOut

from .measure.facts import RoundTrip
from .new.checkout import Checkout
from .rules.rule import Finding
from .seed.fill import UnfilledTable


@dataclass(frozen=True)
class Reviewed:
    """One new migration that was reviewed.

    Attributes:
        migration: the migration
        up: its up file; None if it cannot be executed
        down: its down file; None if it has none, or that cannot be executed
        trip: what was measured; None if it was not executed
        findings: its findings, in the order of the files
    """

    migration: Migration
    up: Script | None
    down: Script | None
    trip: RoundTrip | None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Size:
    """How large a table is in production.

    Attributes:
        rows: how many rows it has
        size: its size with its indexes, in bytes
    """

    rows: int
    size: int


@dataclass(frozen=True)
class Basis:
    """What a review is based on; every report names it.

    Attributes:
        base: the name of the base: a branch, or a database
        base_migrations: how many migrations the base has
        server: product, version and origin of the shadow server; None if nothing was executed
        version: its version, as 180004
        filled: how many tables were filled with generated rows
        tables: how many tables were empty
        unfilled: the tables that could not be filled
        stub_roles: the roles that were created for the review
        why_static: why nothing was executed
        own: how many tables have rows of `--seed`
        left_out: what the base does not have of the merged files, because it cannot be executed
        has_sizes: whether the sizes of production's tables are known
        not_compared: why the schema file was not compared, as a sentence; empty if it was, or there is none
        proven: what was proven of squashed migrations, and what was not, as sentences
    """

    base: str
    base_migrations: int
    server: str | None
    version: int = 0
    filled: int = 0
    tables: int = 0
    unfilled: tuple[UnfilledTable, ...] = ()
    stub_roles: tuple[str, ...] = ()
    why_static: str = ""
    has_sizes: bool = False
    own: int = 0
    left_out: tuple[LeftOut, ...] = ()
    not_compared: str = ""
    proven: tuple[str, ...] = ()

    @property
    def major(self) -> int:
        """The major version of the shadow server; 0 if there was none."""
        return self.version // 10000


@dataclass(frozen=True)
class Review:
    """A whole review.

    Attributes:
        basis: what it is based on
        migrations: the new migrations, in order
        findings: the findings that belong to none of them
        seconds: how long it took
        directory: the folder of the migrations
        checkout: where its files are for those who read it on a site
    """

    basis: Basis
    migrations: tuple[Reviewed, ...]
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0
    directory: str = "sql"
    checkout: Checkout = field(default_factory=Checkout)
