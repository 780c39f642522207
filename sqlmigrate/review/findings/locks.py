"""Findings of locks: work that is done while a lock blocks others, and locks that the text does not show.

A statement is judged by what it did, also from inside a ``DO`` block or a function. Its words, and what changed in the
catalog, only decide which rule reports it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from sqlmigrate.catalog.objects import TABLES
from sqlmigrate.identifiers import displayed, is_same, last_part
from sqlmigrate.review.measure.facts import Relation, RelationEffect
from sqlmigrate.review.measure.lock_modes import MODES, rank
from sqlmigrate.review.rules import constraints, indexes, locks, partitions, removed, rewrites
from sqlmigrate.review.rules.rule import Finding, Rule

from .schema_changes import Column, SchemaChanges
from .subject import MeasuredStatement, Subject

_BLOCKING = rank("SHARE")
_LOCK_TIMEOUT = re.compile(
    r"\bset\s+(?:session\s+)?lock_timeout\s*(?:=|\bto\b)\s*(?P<value>'[^']*'|\w+)", re.IGNORECASE
)
_CODE = ("SELECT", "WITH", "CALL", "DO", "EXECUTE", "VALUES")  # may execute functions, whose text is not in the file
_DML = ("UPDATE", "DELETE", "INSERT", "MERGE", "SELECT", "WITH", "COPY")
_BULK_ROWS, _BULK_SHARE = 20, 0.2
_BATCHES = "batches that commit cannot be measured: allow it, with the size of a batch as the reason"


def find(subject: Subject) -> Iterator[Finding]:
    """Return the findings of the locks of an up file, statement by statement."""
    changes = SchemaChanges(subject.trip.changes)
    held: dict[str, RelationEffect] = {}  # by earlier statements of the same transaction
    for measured in subject.statements:
        yield from _of_statement(subject, changes, measured, held)
        if subject.up.mode == "transaction":
            held |= {touch.relation.name: touch for touch in measured.facts.touches if _keeps_out(touch)}
    yield from _two_tables(subject)


def _of_statement(
    subject: Subject, changes: SchemaChanges, measured: MeasuredStatement, held: Mapping[str, RelationEffect]
) -> Iterator[Finding]:
    works = [*_works(subject, changes, measured, held)]
    yield from works
    if measured.facts.is_alone:
        yield from _alone(subject, measured)
        return
    instants = [*_instants(subject, changes, measured)]
    yield from instants
    yield from _writes(subject, measured)
    if not works:
        yield from _others(subject, changes, measured, {each.relation for each in instants})
    if not measured.facts.is_bounded and (touch := _blocking(measured)):
        message = (
            f"`{touch.relation.name}` is locked in {touch.mode} mode without a lock_timeout: "
            "while the statement waits for the lock, every later one waits behind it"
        )
        yield subject.finding(locks.LOCK_TIMEOUT_MISSING, measured.place, message, touch)


def _keeps_out(touch: RelationEffect) -> bool:
    """Return whether others wait for the lock: readers or writers of a table, readers of a materialized view."""
    if touch.relation.kind == "index":
        return False
    return touch.mode == MODES[-1] if touch.relation.kind == "materialized view" else rank(touch.mode) >= _BLOCKING


def _about(measured: MeasuredStatement, *texts: str) -> bool:
    """Return whether a statement says one of these, or executes code that may say it."""
    return measured.says(*texts) or measured.text.startswith(_CODE)


def _names(measured: MeasuredStatement, name: str) -> bool:
    return measured.names(name) or measured.text.startswith(_CODE)


def _changed(measured: MeasuredStatement, column: Column) -> bool:
    """Return whether a statement changed a column that the file changed: by its changes, or else by its words."""
    own = {each.identity for change in measured.facts.changes for each in (change.before, change.after) if each}
    return column.object.identity in own if own else _names(measured, column.name)


def _blocking(measured: MeasuredStatement) -> RelationEffect | None:
    """Return the first effect with a lock that the statement took and others wait for."""
    return next((touch for touch in measured.facts.touches if touch.is_taken and _keeps_out(touch)), None)


def _works(
    subject: Subject, changes: SchemaChanges, measured: MeasuredStatement, held: Mapping[str, RelationEffect]
) -> Iterator[Finding]:
    """Return a finding for each table on which work was done while a lock that others wait for was held."""
    for touch in measured.facts.touches:
        if touch.relation.kind == "index":
            continue
        other = next((each for name, each in held.items() if name != touch.relation.name), None)
        if _is_long(measured, touch) and _keeps_out(touch):
            rule = _cause(changes, measured, touch)
            if rule is not removed.TRUNCATE:
                yield subject.finding(rule, measured.place, _work_message(touch), touch, touch)
        elif touch.written >= _BULK_ROWS and (earlier := held.get(touch.relation.name, other)):
            message = (
                f"{touch.written:,} rows are written while `{earlier.relation.name}` is locked in {earlier.mode} mode"
            )
            yield subject.finding(locks.WORK_UNDER_LOCK, measured.place, message, earlier, touch)
        elif _is_long(measured, touch) and other:
            work = _work(touch, "is read")
            message = f"{work} while `{other.relation.name}` is locked in {other.mode} mode"
            yield subject.finding(locks.WORK_UNDER_LOCK, measured.place, message, other, touch)


def _is_long(measured: MeasuredStatement, touch: RelationEffect) -> bool:
    """Return whether it is work; a query that reads a few rows of a small table by a scan is not."""
    few = touch.scanned < _BULK_ROWS and not touch.rewritten and not touch.built
    return touch.is_work and not (few and measured.text.startswith((*_DML, *_CODE)))


def _is_ddl(touch: RelationEffect) -> bool:
    return touch.rewritten or bool(touch.built) or (touch.is_taken and rank(touch.mode) >= _BLOCKING)


def _work_message(touch: RelationEffect) -> str:
    earlier = ", which an earlier statement took" if touch.held == touch.mode else ""
    return f"{_work(touch)} under {touch.mode}{earlier}"


def _work(touch: RelationEffect, scanned: str = "is scanned") -> str:
    if touch.built and not touch.rewritten:
        return f"an index on `{touch.relation.name}` is built"
    return f"`{touch.relation.name}` {'is rewritten' if touch.rewritten else scanned}"


def _cause(changes: SchemaChanges, measured: MeasuredStatement, touch: RelationEffect) -> Rule:
    if measured.text.startswith("REFRESH") or touch.relation.kind == "materialized view":
        return locks.REFRESH_MATVIEW_BLOCKING
    if touch.rewritten:
        return _rewritten(changes, measured, touch)
    is_query = measured.text.startswith(_DML) or (measured.text.startswith(_CODE) and not measured.facts.changes)
    if is_query and not _is_ddl(touch):
        return locks.WORK_UNDER_LOCK
    if touch.built:
        return _built(changes, measured, touch)
    return _scanned(changes, measured, touch)


def _rewritten(changes: SchemaChanges, measured: MeasuredStatement, touch: RelationEffect) -> Rule:
    table = touch.relation.name
    if measured.says("TRUNCATE"):
        return removed.TRUNCATE
    if any(_changed(measured, column) for column in changes.retyped(table)):
        return rewrites.TYPE_CHANGE_REWRITE
    added = [column for column in changes.added(table) if _changed(measured, column)]
    if added:
        return _of_new_columns(added)
    if _about(measured, "SET UNLOGGED", "SET LOGGED") and (persistence := changes.persistence(table)):
        return rewrites.SET_UNLOGGED if persistence == "unlogged" else rewrites.SET_LOGGED
    if _about(measured, "SET TABLESPACE") and changes.is_moved(table):
        return rewrites.SET_TABLESPACE
    return rewrites.VACUUM_FULL_CLUSTER if measured.says("VACUUM", "CLUSTER") else locks.WORK_UNDER_LOCK


def _of_new_columns(added: Sequence[Column]) -> Rule:
    """Return the rule for the new columns that a table was rewritten for."""
    if any(column.is_serial for column in added):
        return rewrites.ADD_COLUMN_SERIAL
    if any(column.is_stored for column in added):
        return rewrites.ADD_COLUMN_STORED_GENERATED
    if any(column.is_of_domain and not column.has_volatile_look for column in added):
        return rewrites.ADD_COLUMN_CONSTRAINED_DOMAIN
    return rewrites.ADD_COLUMN_VOLATILE_DEFAULT


def _built(changes: SchemaChanges, measured: MeasuredStatement, touch: RelationEffect) -> Rule:
    table = touch.relation.name
    if measured.says("REINDEX"):
        return indexes.REINDEX_BLOCKING
    if changes.is_attached(table) and _about(measured, "ATTACH PARTITION"):
        return partitions.ATTACH_PARTITION_SCAN
    if rule := _of_key(changes, measured, touch):
        return rule
    return (
        indexes.PARTITIONED_INDEX_BLOCKING
        if changes.is_of_partitioned(table, touch.built)
        else indexes.CREATE_INDEX_BLOCKING
    )


def _of_key(changes: SchemaChanges, measured: MeasuredStatement, touch: RelationEffect) -> Rule | None:
    """Return the rule for an index that ALTER TABLE has built, for a constraint or a column's new type."""
    table = touch.relation.name
    kinds = {changes.constraint_kind(table, name) for name in touch.built}
    is_said = measured.says("CREATE UNIQUE INDEX", "CREATE INDEX")
    if "x" in kinds:
        return indexes.EXCLUSION_CONSTRAINT
    if kinds & {"p", "u"} and not is_said:
        return indexes.UNIQUE_CONSTRAINT_BUILDS_INDEX
    if any(_changed(measured, column) for column in changes.retyped(table)):
        return rewrites.TYPE_CHANGE_INDEX_REBUILD
    if not measured.text.startswith("ALTER TABLE"):
        return None
    return (
        indexes.EXCLUSION_CONSTRAINT if measured.says("EXCLUDE") else indexes.UNIQUE_CONSTRAINT_BUILDS_INDEX
    )  # as it was before


def _scanned(changes: SchemaChanges, measured: MeasuredStatement, touch: RelationEffect) -> Rule:  # noqa: PLR0911 - a rule for each cause
    table, parent = touch.relation.name, touch.relation.parent
    if measured.says("REINDEX"):
        return indexes.REINDEX_BLOCKING
    if measured.says("VALIDATE CONSTRAINT") and touch.held:
        is_new = any(measured.names(each.name) for each in changes.new_constraints())
        return constraints.VALIDATE_SAME_TRANSACTION if is_new else locks.WORK_UNDER_LOCK
    if changes.is_attached(table) and _about(measured, "ATTACH PARTITION"):
        return partitions.ATTACH_PARTITION_SCAN
    if parent and _about(measured, "PARTITION") and changes.has_new_partition(parent):
        return partitions.DEFAULT_PARTITION_SCAN
    if touch.mode == "SHARE" and _about(measured, "DOMAIN"):
        return constraints.DOMAIN_CONSTRAINT_SCAN
    if any(_changed(measured, column) for column in changes.all_retyped()):
        return rewrites.TYPE_CHANGE_CONSTRAINT_RECHECK
    return _of_constraint(changes, measured, table)


def _of_constraint(changes: SchemaChanges, measured: MeasuredStatement, table: str) -> Rule:
    """Return the rule for the constraint that a table was scanned for."""
    if measured.says("USING INDEX") and changes.made_not_null(table):
        return indexes.PRIMARY_KEY_IMPLIES_NOT_NULL
    if _about(measured, "CHECK") and any(
        changes.new_check(table, column.name) and _names(measured, column.name) for column in changes.added(table)
    ):
        return constraints.ADD_COLUMN_CHECK_SCAN
    if _about(measured, "REFERENCES") and changes.new_foreign_key(table):
        return constraints.FOREIGN_KEY_WITHOUT_NOT_VALID
    is_said = measured.says("NOT NULL") and not measured.says("CHECK")
    own = SchemaChanges(measured.facts.changes)
    if (is_said or _about(measured, "SET NOT NULL")) and (changes.made_not_null(table) or own.made_not_null(table)):
        return constraints.SET_NOT_NULL_SCAN
    is_check = changes.new_check(table) or (measured.text.startswith("ALTER TABLE") and measured.says(" CHECK"))
    return constraints.CONSTRAINT_WITHOUT_NOT_VALID if is_check else locks.WORK_UNDER_LOCK


def _instants(subject: Subject, changes: SchemaChanges, measured: MeasuredStatement) -> Iterator[Finding]:
    place = measured.place
    for touch in measured.facts.touches:
        relation = touch.relation
        if relation.kind == "index":
            if touch.mode == MODES[-1] and changes.is_gone("index", relation.name) and _keeps(changes, relation.table):
                if _about(measured, "DROP INDEX"):
                    message = f"dropping `{relation.name}` locks `{relation.table}` in ACCESS EXCLUSIVE mode"
                    yield subject.finding(
                        indexes.DROP_INDEX_BLOCKING, place, message, _of_table(measured, relation.table) or touch
                    )
            else:
                yield from _rebuilt(subject, measured, touch)
            continue
        if touch.is_taken and touch.mode == MODES[-1]:
            yield from _exclusive(subject, changes, measured, touch)
        if measured.text.startswith("LOCK") and touch.is_taken and rank(touch.mode) >= _BLOCKING:
            message = f"`{relation.name}` is locked in {touch.mode} mode until the end of the file"
            yield subject.finding(locks.LOCK_TABLE, place, message, touch, None)
        is_skipped = not touch.is_work and not measured.facts.created
        if touch.is_taken and touch.mode == "SHARE" and is_skipped and measured.says("INDEX IF NOT EXISTS"):
            message = f"the index exists already, but `{relation.name}` is locked in SHARE mode anyway"
            yield subject.finding(indexes.CREATE_INDEX_IF_NOT_EXISTS_LOCKS, place, message, touch)


def _rebuilt(subject: Subject, measured: MeasuredStatement, index: RelationEffect) -> Iterator[Finding]:
    """Return a finding for an index that REINDEX has built again, unless its table has one."""
    if index.rewritten and measured.says("REINDEX") and not _scans(measured, index.relation.table):
        message = f"`{index.relation.name}` is rebuilt and cannot be used meanwhile"
        yield subject.finding(indexes.REINDEX_BLOCKING, measured.place, message, index)


def _exclusive(
    subject: Subject, changes: SchemaChanges, measured: MeasuredStatement, touch: RelationEffect
) -> Iterator[Finding]:
    relation, place = touch.relation, measured.place
    is_parent = relation.kind == "partitioned table"
    if is_parent and measured.says("PARTITION OF") and measured.facts.created:
        message = f"creating a partition locks `{relation.name}` in ACCESS EXCLUSIVE mode"
        yield subject.finding(partitions.CREATE_PARTITION_OF_LOCKS_PARENT, place, message, touch)
    elif is_parent and measured.says("DETACH PARTITION"):
        message = f"detaching a partition locks `{relation.name}` in ACCESS EXCLUSIVE mode"
        yield subject.finding(partitions.DETACH_PARTITION_BLOCKING, place, message, touch)
    elif relation.kind != "sequence" and measured.says("DROP") and not changes.is_gone("table", relation.name):
        dropped = [
            each.relation
            for each in measured.facts.touches
            if each.relation.parent in (relation.name, relation.parent or relation.name)  # of it, or of the same table
            and changes.is_gone("table", each.relation.name)
            and each.relation.kind != "index"
        ]
        if dropped and not measured.names(relation.name):
            message = f"dropping `{dropped[0].name}` locks `{relation.name}` in ACCESS EXCLUSIVE mode"
            yield subject.finding(partitions.DROP_PARTITION_LOCKS_PARENT, place, message, touch)


def _keeps(changes: SchemaChanges, table: str | None) -> bool:
    return table is not None and not changes.is_gone("table", table)


def _of_table(measured: MeasuredStatement, table: str | None) -> RelationEffect | None:
    return next((touch for touch in measured.facts.touches if touch.relation.name == table), None)


def _scans(measured: MeasuredStatement, table: str | None) -> bool:
    touch = _of_table(measured, table)
    return touch is not None and touch.is_work


def _writes(subject: Subject, measured: MeasuredStatement) -> Iterator[Finding]:
    for touch in measured.facts.touches:
        if not touch.written or touch.relation.kind in ("index", "sequence"):
            continue
        rows = subject.trip.rows_before
        known = next((each.count for name, each in rows.items() if is_same(name, touch.relation.name)), 0)
        changed = touch.updated + touch.deleted
        is_expected = touch.rewritten or touch.relation.is_of_extension  # functions of extensions write to their tables
        if not is_expected and not _is_named(subject, measured, touch.relation):
            message = (
                f"{touch.written:,} rows are written in `{touch.relation.name}`, which the statement does not name"
            )
            yield subject.finding(locks.HIDDEN_WRITES, measured.place, message, touch)
        if changed >= _BULK_ROWS and changed >= _BULK_SHARE * known and not touch.rewritten:
            size = subject.size(touch)
            share = min(changed / known, 1.0) if known else 1.0
            there = f": about {share * size.rows:,.0f} in production" if size else ""
            of = f" of {known:,}" if known else ""  # not counted if a later statement failed
            message = f"{changed:,}{of} rows of `{touch.relation.name}` are written in one transaction{there}"
            yield subject.finding(locks.BULK_DML, measured.place, message, touch, touch if size else None)


def _is_named(subject: Subject, measured: MeasuredStatement, relation: Relation) -> bool:
    """Return whether the statement names a table, or the partitioned table that its rows were written to."""
    above: str | None = relation.name
    while above is not None and not measured.names(above):
        above = relation.parent if above == relation.name else subject.parents.get(above)
    return above is not None


def _others(
    subject: Subject, changes: SchemaChanges, measured: MeasuredStatement, reported: Collection[str]
) -> Iterator[Finding]:
    """Return findings of tables that a statement locks without naming them; a partition is named by its table."""
    relations = {touch.relation.name: touch.relation for touch in measured.facts.touches}
    for touch in measured.facts.touches:
        relation: Relation | None = touch.relation
        if touch.relation.kind == "sequence" or not touch.is_taken or not _keeps_out(touch) or touch.is_work:
            continue
        if touch.relation.name in reported or changes.is_gone("table", touch.relation.name):
            continue
        while relation and not measured.names(relation.name):
            above = relation.parent
            if above and measured.names(above):
                break
            relation = relations.get(above or "")
        if relation is None:
            message = f"`{touch.relation.name}` is locked in {touch.mode} mode, but the statement does not name it"
            yield subject.finding(locks.LOCKS_OTHER_TABLE, measured.place, message, touch)


def _two_tables(subject: Subject) -> Iterator[Finding]:
    """Return the finding of a second table that is locked in one transaction, by another statement.

    Statements in code count as well: they are one statement of the file that changes several tables.
    """
    locked: dict[int, tuple[int, RelationEffect]] = {}
    for measured in subject.statements:
        if measured.facts.is_alone or subject.up.mode == "statements":
            continue
        changed = changed_in_code(measured)
        for touch in measured.facts.touches:
            if touch.relation.kind not in TABLES or rank(touch.mode) < _BLOCKING:
                continue
            if not touch.is_taken or touch.relation.parent:
                continue
            for number, first in locked.values():
                names = {displayed(each.relation.name) for each in (touch, first)}
                is_apart = number != measured.facts.number or names <= changed
                if is_apart and first.relation.oid != touch.relation.oid:
                    message = (
                        f"`{touch.relation.name}` is locked in {touch.mode} mode while `{first.relation.name}` is"
                        " locked: a session that locks them in the opposite order causes a deadlock"
                    )
                    yield subject.finding(locks.TWO_EXCLUSIVE_TABLES, measured.place, message, touch)
                    return
            locked.setdefault(touch.relation.oid, (measured.facts.number, touch))


def changed_in_code(measured: MeasuredStatement) -> set[str]:
    """Return the tables that a block or a function changes, as messages show them; none for a plain statement."""
    if not measured.text.startswith(_CODE):
        return set()
    changed = (each.after or each.before for each in measured.facts.changes)
    return {displayed(each.table) for each in changed if each}


def _alone(subject: Subject, measured: MeasuredStatement) -> Iterator[Finding]:
    if measured.text.startswith(("DO", "CALL")):
        message = "it commits by itself: its locks, scans and writes were only partly measured"
        finding = subject.finding(locks.COMMITS_INSIDE, measured.place, message)
        is_batch = measured.says("UPDATE ", "DELETE ", "INSERT ", "MERGE ", "CALL ")
        yield replace(finding, what_now=_BATCHES, has_example=False) if is_batch else finding
    for touch in measured.facts.touches:  # of a partitioned table, which is refused in a transaction
        if touch.relation.kind == "index":
            yield from _rebuilt(subject, measured, touch)
    if not measured.says("CONCURRENTLY"):
        return
    if measured.says("CREATE") and measured.says("INDEX CONCURRENTLY IF NOT EXISTS"):
        message = "an invalid index of this name, left by a failed build, would be taken for the intended one"
        yield subject.finding(indexes.INVALID_INDEX_LEFT, measured.place, message)
    if subject.up.value("lock-timeout") is not None or _sets_lock_timeout(subject, measured):
        effect = measured.statement.kind.catalog_effect
        left = f"leaves `{last_part(effect.name)}` unfinished" if effect else "leaves an invalid index behind"
        message = f"a lock_timeout cancels it while it waits for old transactions, and {left}"
        yield subject.finding(indexes.CIC_WAITS_FOR_OLD_SNAPSHOTS, measured.place, message)


def _sets_lock_timeout(subject: Subject, measured: MeasuredStatement) -> bool:
    """Return whether the file has set a lock_timeout other than 0 before the statement."""
    texts = [each.text for each in subject.up.statements if each.start < measured.statement.start]
    values = [match["value"] for text in texts for match in _LOCK_TIMEOUT.finditer(text)]
    return bool(values) and values[-1].strip("0'ms ") != ""
