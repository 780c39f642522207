"""What was measured: of a statement, of a file, of a migration executed up, down and up again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlmigrate.catalog.functions import BrokenBody
from sqlmigrate.catalog.objects import Catalog, Change, Difference, Identity, Object
from sqlmigrate.errors import StatementError
from sqlmigrate.parsing.script import Script
from sqlmigrate.plan.plan import Direction
from sqlmigrate.shadow.row_sums import TableRows

from .lock_modes import rank


@dataclass(frozen=True)
class Relation:
    """A relation that existed before the file was executed.

    Attributes:
        oid: its OID
        name: its name as messages show it, without the schema `public`
        kind: table, partitioned table, index, sequence, view, materialized view or foreign table
        table: the table of an index
        parent: the partitioned table, or the table it inherits from
        is_of_extension: whether an extension has created it, and its functions write to it
    """

    oid: int
    name: str
    kind: str
    table: str | None = None
    parent: str | None = None
    is_of_extension: bool = False


@dataclass(frozen=True)
class RelationEffect:
    """What one statement did to one relation that existed before: its lock, and the work.

    Attributes:
        relation: the relation
        mode: the strongest lock held after the statement
        held: the strongest lock held before the statement; empty for none
        rewritten: whether it has new storage; an index was rebuilt
        scanned: how many rows were read by sequential scans, or by an index if they are many
        inserted: how many rows were inserted
        updated: how many rows were updated
        deleted: how many rows were deleted
        built: the names of new indexes on it
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
        """Whether the statement did something to it that takes longer on a larger table."""
        return self.rewritten or self.scanned > 0 or bool(self.built)


@dataclass(frozen=True)
class StatementFacts:
    """What was measured of one statement.

    Attributes:
        number: which statement of the file it is, from 1
        touches: what it did to each relation, in the order of their names
        duration_ms: how long it took
        is_alone: whether it ran without a transaction; its locks are then those seen while it ran
        created: how many relations it created
        is_bounded: whether a lock_timeout was in force
        changes: what it changed in the catalog; empty if that was not measured
    """

    number: int
    touches: tuple[RelationEffect, ...] = ()
    duration_ms: float = 0.0
    is_alone: bool = False
    created: int = 0
    is_bounded: bool = True
    changes: tuple[Change, ...] = ()

    def strongest(self) -> RelationEffect | None:
        """Return the effect with the strongest lock on a table; None if it locked no table."""
        tables = [touch for touch in self.touches if touch.relation.kind != "index"]
        return max(tables, key=lambda touch: (rank(touch.mode), touch.is_work), default=None)


@dataclass(frozen=True)
class Notice:
    """A message of the server that is not an error.

    Attributes:
        number: the statement during which it came, from 1
        text: severity and message, ``NOTICE: relation "t" already exists, skipping``
    """

    number: int
    text: str


@dataclass(frozen=True)
class FileRun:
    """One file, executed in one direction and watched.

    Attributes:
        direction: up or down
        script: the file
        statements: what was measured of each statement that was executed
        error: why it failed; None if it did not
        failed_at: the number of the statement that failed; 0 if none did
        is_stopped: whether the review's timeout stopped it
        notices: the messages of the server
    """

    direction: Direction
    script: Script
    statements: tuple[StatementFacts, ...]
    error: StatementError | None = None
    failed_at: int = 0
    is_stopped: bool = False
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class SkippedStatement:
    """A statement that did nothing because of IF NOT EXISTS, although the existing object is different.

    Attributes:
        number: which statement of the file it is, from 1
        difference: what exists, and how it differs from what the statement asks for
    """

    number: int
    difference: str


@dataclass(frozen=True)
class RowFailure:
    """A statement that fails on generated rows, and was executed again without them, or was left out.

    Attributes:
        direction: up or down
        number: the statement that failed, from 1
        error: why it failed first
        tables: the tables whose generated rows were deleted, as messages show them; empty if the statement
            failed without generated rows too, and was left out
        query: a query that tells whether production has such rows; empty if none can be written
        is_certain: whether it fails in production too: on every row, or on the rows that the up file has written
    """

    direction: Direction
    number: int
    error: StatementError
    tables: tuple[str, ...] = ()
    query: str = ""
    is_certain: bool = False


@dataclass(frozen=True)
class LackedRight:
    """A statement that failed for want of a right of the role that the file has set, and was executed without that.

    Attributes:
        direction: up or down
        number: the statement that failed, from 1
        error: why it failed
        role: the role that the file has set
    """

    direction: Direction
    number: int
    error: StatementError
    role: str


@dataclass(frozen=True)
class UnindexedKey:
    """A new foreign key without an index on its columns.

    Attributes:
        table: the referencing table, as messages show it
        columns: its columns, separated by commas
        constraint: its qualified name
    """

    table: str
    columns: str
    constraint: str


@dataclass(frozen=True)
class LateSequence:
    """A sequence whose next value exists already in the column that it is for.

    Attributes:
        column: the column with its table, as messages show it
        sequence: the sequence, as messages show it
        last: the last value of the sequence
        top: the largest value in the column
        is_unique: whether a unique index refuses a value that exists already
        is_owned: whether the column owns it, as an identity or serial column does
    """

    column: str
    sequence: str
    last: int
    top: int
    is_unique: bool = field(default=True, compare=False)
    is_owned: bool = field(default=True, compare=False)


@dataclass(frozen=True)
class Swapped:
    """The rows of a table, or the values of a column, that has the name of another one since up.

    Attributes:
        table: the qualified name of the table
        column: the quoted name of the column; empty if the table is another one
        before: how many rows the old table had, or values the old column has; None if it is not known
        after: how many rows the new table has with its partitions, or values the new column
        rows: how many rows the new table has
    """

    table: str
    column: str
    before: int | None
    after: int
    rows: int


@dataclass(frozen=True)
class OtherValues:
    """How the values of a table differ from those of the old table whose name it has.

    Attributes:
        table: the qualified name of the table
        compared: the quoted names of the columns that were compared
        differing: those in which the new table lacks values of the old one
    """

    table: str
    compared: tuple[str, ...]
    differing: tuple[str, ...]


@dataclass(frozen=True)
class PathNeeded:
    """A new index, CHECK or generated column that fails where the search_path has system schemas alone.

    Attributes:
        thing: the object
        error: why its expression fails
    """

    thing: Object
    error: str


@dataclass(frozen=True)
class RefusedNull:
    """A new CHECK that refuses the NULL which an INSERT may leave in some columns.

    Attributes:
        check: the constraint, of a table or of a domain
        columns: the numbers of the columns that an INSERT leaves NULL if it does not set them; empty for a domain
    """

    check: Object
    columns: tuple[int, ...]


@dataclass(frozen=True)
class ChangedCall:
    """A call that means another function since up, or none.

    Attributes:
        function: the function that it called before
        call: the call with the types of its arguments, as messages show it
        now: the new function that it calls; empty if there is none
        sqlstate: the error of the call; empty if it works
    """

    function: Object
    call: str
    now: str
    sqlstate: str


@dataclass(frozen=True)
class RoundTrip:
    """A migration executed up, down and up again on the shadow server.

    Attributes:
        before: the catalog before the migration
        up: the up file
        after: the catalog after up; None if up failed
        changes: what up changed
        down: the down file; None if there is none, or up failed
        down_changes: what down changed
        left: the differences between `before` and the catalog after up and down
        again_error: why the second up failed; None if it did not
        again: the differences between `after` and the catalog after the second up
        rows_before: the rows of the tables that up or down touched, before up
        rows_after: their rows after up
        rows_back: their rows after up and down
        rows_again: their rows after up, down and up again, as far as the tables still exist
        broken: functions whose bodies no longer compile
        unindexed_keys: new foreign keys without an index
        late_sequences: sequences that are behind their column since up
        late_after_down: sequences that are behind their column since down
        skipped: statements that did nothing although the existing object is different
        base: the catalog before the first of the new migrations
        row_failures: statements that failed on generated rows; what is measured was measured without those
        swapped: tables and columns that have the name of others since up
        other_values: how the values of swapped tables differ from those of the old ones
        changed_calls: calls that mean another function since up, or none
        refused_nulls: new CHECK constraints that refuse NULL where an INSERT may leave it
        needed_paths: new objects that fail with another search_path
        lacked_rights: statements that roles of the file itself had no right to execute
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
    rows_again: Mapping[str, TableRows] = field(default_factory=dict)
    broken: tuple[BrokenBody, ...] = ()
    unindexed_keys: tuple[UnindexedKey, ...] = ()
    late_sequences: tuple[LateSequence, ...] = ()
    late_after_down: tuple[LateSequence, ...] = ()
    skipped: tuple[SkippedStatement, ...] = ()
    base: Catalog | None = None
    row_failures: tuple[RowFailure, ...] = ()
    swapped: tuple[Swapped, ...] = ()
    other_values: tuple[OtherValues, ...] = ()
    changed_calls: tuple[ChangedCall, ...] = ()
    refused_nulls: tuple[RefusedNull, ...] = ()
    needed_paths: tuple[PathNeeded, ...] = ()
    lacked_rights: tuple[LackedRight, ...] = ()

    @property
    def left_out(self) -> tuple[int, ...]:
        """The numbers of the statements of the up file that were left out."""
        return tuple(each.number for each in self.row_failures if each.direction == "up" and not each.tables)

    @property
    def ended_as_after_up(self) -> bool:
        """Whether all of it was executed, and the schema at the end is the one after up."""
        has_failed = self.up.error or self.again_error or (self.down and self.down.error)
        return not (has_failed or self.again or self.row_failures)

    def certain_failure(self, direction: Direction) -> RowFailure | None:
        """Return the first statement that fails as soon as there are rows; None if there is none."""
        failures = (each for each in self.row_failures if each.direction == direction and each.is_certain)
        return next(failures, None)

    def is_filled_twice(self, table: str) -> bool:
        """Return whether down leaves rows that up inserts, so that the next up inserts them again."""
        first, again = self.rows_after.get(table), self.rows_again.get(table)
        return first is not None and again is not None and first.oid == again.oid and again.count > first.count

    def is_old(self, table: int) -> bool:
        """Return whether a table, by its OID, existed before the first of the new migrations."""
        return self.base is None or Identity("pg_class", table, 0) in self.base.identities
