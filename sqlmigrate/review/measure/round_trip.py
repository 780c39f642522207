"""Executes the new migrations up, down and up again, one after the other on one clone.

The watch knows which tables a file has touched; rows are counted only of those.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from sqlmigrate.catalog import compare, functions, reading
from sqlmigrate.catalog.checked_bodies import Checker
from sqlmigrate.catalog.objects import Catalog, Change, Identity, Object
from sqlmigrate.errors import StatementError
from sqlmigrate.files.migration import Migration
from sqlmigrate.identifiers import displayed, parent, plain, plain_parts
from sqlmigrate.parsing.script import Script
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.plan.plan import Direction, Step
from sqlmigrate.shadow import row_sums
from sqlmigrate.shadow.database_names import with_database
from sqlmigrate.shadow.extensions import Extension, script_without
from sqlmigrate.shadow.missing_roles import MissingRoles
from sqlmigrate.shadow.row_sums import TableRows
from sqlmigrate.source import Source

from . import (
    calls,
    catalog_changes,
    if_not_exists,
    keys,
    production_query,
    refused_nulls,
    search_paths,
    swaps,
)
from .facts import FileRun, LackedRight, RoundTrip, RowFailure
from .made_up_rows import MadeUpRows, is_raised_in_function
from .offending_rows import NOT_NULL
from .production_query import Tried
from .set_roles import setting_roles
from .watch import Watch

# Without a transaction, these write no rows. Others, such as a CALL that commits, may have touched any table.
_WRITES_NO_ROWS = ("CREATE INDEX", "CREATE UNIQUE INDEX", "DROP INDEX", "REINDEX", "ALTER TABLE", "VACUUM", "ANALYZE")

_MOST_TRIES = 100  # a block that commits may write new rows each time it fails


class RoundTrips:
    """Executes migrations on a clone, watched, and keeps track of its catalog and rows.

    Args:
        roles: What creates the roles that the shadow server lacks.
        watch: The watch on the clone.
        made_up: The generated rows of the clone.
        known: The rows of the template that the clone was made of.
        checker: What provides the extension plpgsql_check on the clone.
        extensions: The extensions that are in the clone already.
    """

    def __init__(  # noqa: PLR0913 - the last one is rarely given
        self,
        roles: MissingRoles,
        watch: Watch,
        made_up: MadeUpRows,
        known: Iterable[TableRows],
        checker: Checker,
        *,
        extensions: Sequence[Extension] = (),
    ) -> None:
        self._checker = checker
        self._extensions = extensions
        self._watch, self._made_up, self._roles = watch, made_up, roles
        self._shortened: set[str] = set()  # the tables of which rows were deleted since the run began
        self._reading = reading.read(watch.observer, watch.history)
        self._base = self._catalog = self._reading.catalog
        made_up.know(self._base, watch.history)
        self._tried: set[str] = set()  # the tables whose rows a file has written before it failed
        self._written: frozenset[str] = frozenset()  # the tables whose rows the up file has written
        self._rows = {each.table: each for each in known}
        self._lacked: dict[tuple[Direction, int], LackedRight] = {}
        self._may_differ: set[str] = set()  # the tables whose rows a run may have changed since they were counted

    def execute(self, migration: Migration, up: Script, down: Script | None) -> RoundTrip:
        """Execute a migration up, down and up again; the clone is then as after the last up."""
        self._lacked = {}
        trip = self._go_up(migration, up)
        if down is not None and trip.after is not None:
            trip = self._go_down_and_up(trip, migration, up, down)
        trip = replace(trip, lacked_rights=tuple(self._lacked.values()))
        self._count_again({} if trip.row_failures or trip.after is None else self._rows)
        return replace(trip, rows_again=self._known(trip.rows_back.keys() & self._rows.keys()))

    def _go_up(self, migration: Migration, up: Script) -> RoundTrip:
        already_late = keys.late_sequences(self._watch.observer, up)
        done, failures = self._run(_step("up", migration, up), self._catalog)
        before = self._catalog
        if done.error:
            self._catalog = before if up.mode == "transaction" else self._read()
            return RoundTrip(before, done, row_failures=failures)
        after = self._catalog = self._read()
        self._written = _written(done) | self._tried
        changes = compare.changes(before, after)
        done = catalog_changes.of_the_only(done, changes)
        touched = self._touched(done, changes)
        rows_after = self._counted(touched)
        touched |= rows_after.keys()
        late = keys.late_sequences(self._watch.observer, up) - already_late
        return RoundTrip(
            before,
            done,
            after,
            changes,
            rows_before=self._known(touched),
            rows_after=rows_after,
            broken=functions.broken_bodies(self._watch.session, before, after, self._checker),
            unindexed_keys=tuple(keys.unindexed_keys(self._watch.observer, changes)),
            late_sequences=tuple(sorted(late, key=lambda each: each.column)),
            base=self._base,
            swapped=tuple(swaps.swapped(self._watch.observer, before, after, self._known(touched - self._shortened))),
            other_values=tuple(swaps.other_values(self._watch.observer, self._base, after)),
            changed_calls=tuple(calls.changed_calls(self._watch.session, before, changes)),
            refused_nulls=tuple(
                refused_nulls.refused_nulls(self._watch.session, before, changes, self._base.identities)
            ),
            needed_paths=tuple(search_paths.needed_paths(self._watch.session, changes)),
            skipped=tuple(if_not_exists.skipped_statements(self._watch.session, up, done.notices)),
            row_failures=tuple(self._judged(failures, done, (before, after, changes))),
        )

    def _go_down_and_up(self, trip: RoundTrip, migration: Migration, up: Script, down: Script) -> RoundTrip:
        already_late = keys.late_sequences(self._watch.observer, down)
        done, failures = self._run(_step("down", migration, down), trip.after)
        if done.error or trip.after is None:
            self._touched(done, ())
            return replace(trip, down=done, row_failures=(*trip.row_failures, *failures))
        back = self._read()
        changes = compare.changes(trip.after, back)
        done = catalog_changes.of_the_only(done, changes)
        failures = (*trip.row_failures, *self._judged(failures, done, (trip.after, back, changes)))
        touched = {*trip.rows_before, *self._touched(done, changes)} - self._shortened
        summed = self._counted(touched)
        touched |= summed.keys()
        late = keys.late_sequences(self._watch.observer, down) - already_late
        again, more = self._run(_step("up", migration, up))
        self._touched(again, ())
        again_error = again.error or (more[0].error if more and not failures else None)  # all rows were accepted before
        self._catalog = self._read()
        return replace(
            trip,
            down=done,
            down_changes=changes,
            left=compare.differences(trip.before, back),
            rows_before={**trip.rows_before, **self._known(touched)},
            rows_back=summed,
            again_error=again_error,
            again=() if again.error else compare.differences(trip.after, self._catalog),
            row_failures=failures,
            late_after_down=tuple(sorted(late, key=lambda each: each.column)),
        )

    # generated rows

    def _run(self, step: Step, catalog: Catalog | None = None) -> tuple[FileRun, tuple[RowFailure, ...]]:
        """Execute a file; again with the role that it lacks, or without the generated rows that it fails on.

        A statement that needs rows which only production has is left out. With the catalog at this moment, it is
        measured what each statement changes in it. The failures that are returned were passed in the end.
        """
        passed: dict[tuple[object, ...], RowFailure] = {}
        self._shortened, self._tried = set(), set()
        script, done, stopped = step.script, None, None
        executed = script_without(script, self._extensions)
        step = replace(step, script=with_database(executed, self._watch.session.conn.info.dbname))
        tries: list[int] = []  # the statements that failed on generated rows
        while True:
            done = self._continued(step, catalog, done)
            if done.error is None:
                return replace(done, script=script), tuple(passed.values())
            self._tried |= _written(done)
            if self._roles.provide(done.error, self._watch.session):
                self._catalog = self._read() if step.direction == "up" else self._catalog
            elif len(tries) < _MOST_TRIES and (tables := self._made_up.put_away(done)):
                tries.append(done.failed_at)
                self._shorten(step.direction, tables)
                _note(passed, done, tables)
            elif as_roles := setting_roles(step.script, done.failed_at, done.error):
                self._note_right(done, as_roles)
                for number in as_roles:
                    step = replace(step, script=_left_out(step.script, number))
            elif self._made_up.may_need_rows(done):
                stopped = stopped or done
                _note(passed, done, ())
                step = replace(step, script=_left_out(step.script, done.failed_at))
            else:  # if a statement was left out before, this may be a consequence
                ended = stopped or done
                before = tuple(each for each in passed.values() if each.number < ended.failed_at)
                return replace(ended, script=script), before

    def _note_right(self, done: FileRun, as_roles: Mapping[int, str]) -> None:
        """Take note of a right that a role lacks, unless it is a role that only production has."""
        role = as_roles[max(as_roles)]
        if done.error and not self._roles.is_made_up(role):
            lacked = LackedRight(done.direction, done.failed_at, done.error, role)
            self._lacked.setdefault((done.direction, done.failed_at), lacked)

    def _continued(self, step: Step, catalog: Catalog | None, before: FileRun | None) -> FileRun:
        """Execute a file, or what is left of one that failed without a transaction."""
        if before is None or step.script.mode == "transaction":
            return self._watch.run(step, catalog, self._made_up.emptied)
        begun = tuple(step.script.statements)
        left = replace(step, execution=self._watch.execution(step.version), begun=begun)
        rest = self._watch.run(left, self._read() if catalog else None, self._made_up.emptied)
        return replace(
            rest,
            statements=(*before.statements, *rest.statements),
            notices=(*before.notices, *rest.notices),
        )

    def _judged(
        self, failures: Iterable[RowFailure], done: FileRun, known: tuple[Catalog, Catalog, Sequence[Change]]
    ) -> Iterator[RowFailure]:
        """Add to failures whether they are certain, and the queries for production.

        `known` is the catalog before the file, after it, and the changes.
        """
        before, after, _ = known
        for each in failures:
            statement = done.script.statements[(each.number or len(done.script.statements)) - 1]
            is_certain = _is_unfilled(each.error, before, after, _written(done) | self._tried)
            if done.direction == "down":
                is_certain = is_certain or _is_about(each.error, self._written)
            query = production_query.query(each.error, Tried(statement, *known, self._watch.observer))
            yield replace(each, query="" if is_certain else query, is_certain=is_certain)

    def _shorten(self, direction: Direction, tables: Iterable[str]) -> None:
        """Take note that generated rows of some tables were deleted; of those before down, the count is unknown."""
        self._shortened |= {*tables}
        self._may_differ |= {*tables}
        known = {name: self._rows[name].columns for name in tables if name in self._rows}
        if direction == "up" and known:
            self._rows.update(row_sums.read(self._watch.observer, known, self._watch.history))

    def _read(self) -> Catalog:
        self._reading = reading.read_again(self._watch.observer, self._reading)
        return self._reading.catalog

    # rows

    def _touched(self, done: FileRun, changes: Iterable[Change]) -> set[str]:
        """Return the names of the tables whose rows may have changed, and take note of them."""
        found = self._may_be_touched(done, changes)
        self._may_differ |= found | self._of_new_files()
        return found

    def _of_new_files(self) -> set[str]:
        """Return the tables that earlier new migrations made: the watch does not see who writes to them."""
        known = self._base.identities
        return {each.table for each in self._rows.values() if Identity("pg_class", each.oid, 0) not in known}

    def _may_be_touched(self, done: FileRun, changes: Iterable[Change]) -> set[str]:
        statements = done.script.statements
        if any(facts.is_alone and not _is_quiet(statements[facts.number - 1].kind.verb) for facts in done.statements):
            return set(self._rows)
        touches = [touch for facts in done.statements for touch in facts.touches if touch.written or touch.rewritten]
        oids = {touch.relation.oid for touch in touches}
        names = {each.table for each in self._rows.values() if each.oid in oids}
        for change in changes:
            for thing in filter(None, (change.before, change.after)):
                if thing.kind == "column":
                    names.add(parent(thing.name))
                elif change.change != "altered":
                    names.add(thing.name)
        return names & set(self._rows)

    def _count_again(self, known: Mapping[str, TableRows]) -> None:
        """Count the rows of all tables; those of `known` only if they may have changed."""
        now = {name for name, each in self._catalog.tables.items() if each.kind == "table"}
        self._rows = {name: each for name, each in known.items() if name in now - self._may_differ}
        self._may_differ = set()
        columns = _old_columns(self._catalog, self._base, now - self._rows.keys())
        if columns:
            self._rows |= row_sums.read(self._watch.observer, columns, self._watch.history)

    def _known(self, names: Collection[str]) -> Mapping[str, TableRows]:
        return {name: self._rows[name] for name in sorted(names)}

    def _counted(self, touched: Collection[str]) -> Mapping[str, TableRows]:
        """Count tables that a run has touched, and those of new migrations whose rows are others now."""
        found = self._summed({*touched, *(self._of_new_files() - self._shortened)})
        return {name: each for name, each in found.items() if name in touched or each != self._rows[name]}

    def _summed(self, names: Collection[str]) -> Mapping[str, TableRows]:
        """Count tables, with checksums over the columns that they had before."""
        columns = {name: self._rows[name].columns for name in names}
        return row_sums.read(self._watch.observer, columns, self._watch.history) if columns else {}


def _written(done: FileRun) -> frozenset[str]:
    touches = (touch for facts in done.statements for touch in facts.touches)
    names = (touch.relation.name for touch in touches if touch.written or touch.rewritten)
    return frozenset(name if parent(name) else f"public.{name}" for name in names)


def _is_about(error: StatementError, tables: Iterable[str]) -> bool:
    """Return whether an error is about the rows of one of the tables, and was not raised by a function."""
    named = dict(error.named)
    path = (named.get("schema", ""), named.get("table", ""))
    return not is_raised_in_function(error) and any(plain_parts(each) == path for each in tables)


def _is_unfilled(error: StatementError, before: Catalog, after: Catalog, written: Iterable[str]) -> bool:
    """Return whether a file fails on NULL in a column that it creates itself and does not fill: every row has NULL."""
    named = dict(error.named)
    if error.sqlstate != NOT_NULL or "column" not in named or _is_about(error, written):
        return False
    path = (named.get("schema", ""), named.get("table", ""), named["column"])
    now, old = _columns_named(path, after), _columns_named(path, before)
    is_left_out = not now and not old  # the statement that would have created it
    return is_left_out or any(each.identity not in before.identities for each in now)


def _columns_named(path: tuple[str, ...], catalog: Catalog) -> list[Object]:
    return [each for (kind, name), each in catalog.objects.items() if kind == "column" and plain_parts(name) == path]


def _note(passed: dict[tuple[object, ...], RowFailure], done: FileRun, tables: Iterable[str]) -> None:
    """Take note that a statement failed: one failure for all that its error is about."""
    if done.error is None:
        return
    names = tuple(map(displayed, tables))
    key = (done.failed_at, done.error.sqlstate, done.error.named)
    known = passed.get(key) or RowFailure(done.direction, done.failed_at, done.error)
    if not names:  # it is left out
        for other in [each for each in passed if each[0] == done.failed_at]:
            del passed[other]
    passed[key] = replace(known, tables=tuple(dict.fromkeys([*known.tables, *names])) if names else ())


def _left_out(script: Script, number: int) -> Script:
    """Return a script in which one statement does nothing."""
    nothing = Statement(Source(script.source.path, "select"), 0, len("select"), 1)
    statements = (*script.statements[: number - 1], nothing, *script.statements[number:])
    return replace(script, statements=statements)


def _old_columns(now: Catalog, base: Catalog, tables: Iterable[str]) -> Mapping[str, list[str]]:
    """Return tables with those of their columns that the base has: values of new columns do not count as lost."""
    return {
        name: [
            plain(each.path[-1])
            for each in now.parts_of(now.tables[name], "column")
            if each.identity in base.identities
        ]
        for name in tables
    }


def _is_quiet(does: str) -> bool:
    return does.startswith(_WRITES_NO_ROWS)


def _step(direction: Direction, migration: Migration, script: Script) -> Step:
    return Step(direction, migration.version, migration.label, script, migration)
