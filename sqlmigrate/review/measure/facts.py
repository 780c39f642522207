"""What was measured: of a statement, of a file, of a migration's way there, back and there again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sqlmigrate.catalog.objects import Catalog, Change, Difference
from sqlmigrate.errors import StatementError
from sqlmigrate.parsing.script import Script
from sqlmigrate.plan.plan import Direction

from .lock_modes import rank
from .row_sums import TableRows

RelationKind = Literal["table", "partitioned table", "index", "sequence", "view", "materialized view", "foreign table"]


@dataclass(frozen=True)
class Relation:
    """A relation that was there before the file, as the observer sees it; `table` is an index's table.

    `parent` is the partitioned table or the table it inherits from.
    """

    oid: int
    name: str
    kind: str
    table: str | None = None
    parent: str | None = None


@dataclass(frozen=True)
class RelationEffect:
    """What a statement did to one relation that was there before: its lock, and the work.

    `mode` is the strongest lock held after the statement, `held` the one held before it (empty: none). `scanned` counts
    rows read by sequential scans; `built` names new indexes on it, `rewritten` is new storage (an index is rebuilt).
    """

    relation: Relation
    mode: str
    held: str = ""
    rewritten: bool = False
    scanned: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    built: tuple[str, ...] = ()

    @property
    def is_taken(self) -> bool:
        """Whether the statement took the lock, or made it stronger."""
        return self.mode != self.held

    @property
    def written(self) -> int:
        """How many rows were written."""
        return self.inserted + self.updated + self.deleted

    @property
    def is_work(self) -> bool:
        """Whether the statement did something to it whose time grows with the table."""
        return self.rewritten or self.scanned > 0 or bool(self.built)


@dataclass(frozen=True)
class StatementFacts:
    """What was measured of statement `number`: every relation it touched, in the order of their names.

    `is_alone` says that it ran in no transaction; then locks are those seen while it ran, with what is known of it.
    `is_bounded` says that a lock_timeout was in force. `created` counts the relations it made.
    """

    number: int
    touches: tuple[RelationEffect, ...] = ()
    duration_ms: float = 0.0
    is_alone: bool = False
    created: int = 0
    is_bounded: bool = True

    def strongest(self) -> RelationEffect | None:
        """Give the touch with the strongest lock on a table, if there is one."""
        tables = [touch for touch in self.touches if touch.relation.kind != "index"]
        return max(tables, key=lambda touch: (rank(touch.mode), touch.is_work), default=None)


@dataclass(frozen=True)
class FileRun:
    """One file executed and watched, in one direction; `error` where it failed, at statement `failed_at` (0: none)."""

    direction: Direction
    script: Script
    statements: tuple[StatementFacts, ...]
    error: StatementError | None = None
    failed_at: int = 0
    is_stopped: bool = False
    notices: tuple[tuple[int, str], ...] = ()  # at which statement, and what the server said


@dataclass(frozen=True)
class RoundTrip:
    """A migration's way there, back, and there again, on the shadow.

    `base` is the catalog before the first of the new migrations, `before` the one before this, `after` the one after
    up; `changes` tell what up did and `down_changes` what down did, `left` what down left otherwise than it was,
    `again` in what the second up ended otherwise. Rows are those of tables that were there.
    """

    before: Catalog
    up: FileRun
    after: Catalog | None = None
    changes: tuple[Change, ...] = ()
    down: FileRun | None = None
    down_changes: tuple[Change, ...] = ()
    left: tuple[Difference, ...] = ()
    again_error: StatementError | None = None
    again: tuple[Difference, ...] = ()
    rows_before: Mapping[str, TableRows] = field(default_factory=dict)
    rows_after: Mapping[str, TableRows] = field(default_factory=dict)
    rows_back: Mapping[str, TableRows] = field(default_factory=dict)
    broken: tuple[tuple[str, str], ...] = ()  # functions whose bodies no longer compile, and why
    loose: tuple[tuple[str, str, str], ...] = ()  # what only a query shows: rule, name, message
    base: Catalog | None = None
    skipped: tuple[tuple[int, str], ...] = ()  # the statements that did nothing over another shape, and what is there
