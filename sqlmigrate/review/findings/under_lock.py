"""Findings of work under a lock: what was rewritten, scanned, built or written while others had to wait.

A statement is judged by what it did, wherever its text stands, in a ``DO`` block or a function too. Its words, and what
changed in the catalog, only decide which rule tells of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from sqlmigrate.identifiers import is_same, last_part
from sqlmigrate.review.measure.facts import Relation, RelationEffect
from sqlmigrate.review.measure.lock_modes import MODES, rank
from sqlmigrate.review.rules.rule import Finding
from sqlmigrate.source import Span

from .schema_changes import Column, SchemaChanges
from .subject import MeasuredStatement, Subject

_BLOCKING = rank("SHARE")
_LOCK_TIMEOUT = re.compile(
    r"\bset\s+(?:session\s+)?lock_timeout\s*(?:=|\bto\b)\s*(?P<value>'[^']*'|\w+)", re.IGNORECASE
)
_CODE = ("SELECT", "WITH", "CALL", "DO", "EXECUTE", "VALUES")  # it may run functions, whose text stands elsewhere
_DML = ("UPDATE", "DELETE", "INSERT", "MERGE", "SELECT", "WITH", "COPY")
_BULK_ROWS, _BULK_SHARE = 20, 0.2


def find(subject: Subject) -> Iterator[Finding]:
    """Give every finding of the up file's locks, statement by statement."""
    altered = SchemaChanges(subject.trip.changes)
    told: set[tuple[str, str]] = set()
    held: dict[str, RelationEffect] = {}  # by earlier statements of the same transaction
    for doing in subject.doings:
        for finding in _of_statement(subject, altered, doing, held):
            if (finding.rule.name, finding.relation) not in told or finding.rule.name == "work-under-lock":
                told.add((finding.rule.name, finding.relation))
                yield finding
        if subject.up.mode == "transaction":
            held |= {touch.relation.name: touch for touch in doing.facts.touches if _keeps_out(touch)}
    yield from _two_tables(subject)


def _of_statement(
    subject: Subject, altered: SchemaChanges, doing: MeasuredStatement, held: Mapping[str, RelationEffect]
) -> Iterator[Finding]:
    works = [*_works(subject, altered, doing, held)]
    yield from works
    if doing.facts.is_alone:
        yield from _alone(subject, doing)
        return
    instants = [*_instants(subject, altered, doing)]
    yield from instants
    yield from _writes(subject, doing)
    if not works:
        yield from _others(subject, altered, doing, {each.relation for each in instants})
    if not doing.facts.is_bounded and (touch := _blocking(doing)):
        message = (
            f"`{touch.relation.name}` is locked in {touch.mode} mode without a lock_timeout: who waits, waits long"
        )
        yield subject.found("lock-timeout-missing", _place(doing), message, touch)


def _keeps_out(touch: RelationEffect) -> bool:
    """Tell whether others wait for the lock: readers or writers of a table, readers of a materialized view."""
    if touch.relation.kind == "index":
        return False
    return touch.mode == MODES[-1] if touch.relation.kind == "materialized view" else rank(touch.mode) >= _BLOCKING


def _about(doing: MeasuredStatement, *texts: str) -> bool:
    """Tell whether a statement says one of these, or runs code that may say it where we do not read."""
    return doing.says(*texts) or doing.text.startswith(_CODE)


def _names(doing: MeasuredStatement, name: str) -> bool:
    return doing.says_name(name) or doing.text.startswith(_CODE)


def _place(doing: MeasuredStatement) -> Span:
    return doing.statement.source.span(doing.statement.start)


def _blocking(doing: MeasuredStatement) -> RelationEffect | None:
    """Give the first table on which the statement took a lock that others wait for."""
    return next((touch for touch in doing.facts.touches if touch.is_taken and _keeps_out(touch)), None)


def _works(
    subject: Subject, altered: SchemaChanges, doing: MeasuredStatement, held: Mapping[str, RelationEffect]
) -> Iterator[Finding]:
    """Give a finding for each table on which work was done while a lock was held that others wait for."""
    for touch in doing.facts.touches:
        if touch.relation.kind == "index":
            continue
        other = next((each for name, each in held.items() if name != touch.relation.name), None)
        if _is_long(doing, touch) and _keeps_out(touch):
            rule = _cause(altered, doing, touch)
            if rule != "truncate":
                yield subject.found(rule, _place(doing), _work_message(touch), touch, touch)
        elif touch.written >= _BULK_ROWS and (earlier := held.get(touch.relation.name, other)):
            message = (
                f"{touch.written:,} rows are written while `{earlier.relation.name}` is locked in {earlier.mode} mode"
            )
            yield subject.found("work-under-lock", _place(doing), message, earlier, touch)
        elif _is_long(doing, touch) and other:
            does = "gets an index built" if touch.built else "is read"
            message = f"`{touch.relation.name}` {does} while `{other.relation.name}` is locked in {other.mode} mode"
            yield subject.found("work-under-lock", _place(doing), message, other, touch)


def _is_long(doing: MeasuredStatement, touch: RelationEffect) -> bool:
    """Tell work from a look at a few rows, which a small table's plan does by a scan as well."""
    few = touch.scanned < _BULK_ROWS and not touch.rewritten and not touch.built
    return touch.is_work and not (few and doing.text.startswith((*_DML, *_CODE)))


def _is_ddl(touch: RelationEffect) -> bool:
    return touch.rewritten or bool(touch.built) or (touch.is_taken and rank(touch.mode) >= _BLOCKING)


def _work_message(touch: RelationEffect) -> str:
    does = "is rewritten" if touch.rewritten else "gets an index built" if touch.built else "is scanned"
    earlier = ", which an earlier statement took" if touch.held == touch.mode else ""
    return f"`{touch.relation.name}` {does} under {touch.mode}{earlier}"


def _cause(altered: SchemaChanges, doing: MeasuredStatement, touch: RelationEffect) -> str:
    if doing.text.startswith("REFRESH") or touch.relation.kind == "materialized view":
        return "refresh-matview-blocking"
    if touch.rewritten:
        return _rewritten(altered, doing, touch)
    if doing.text.startswith(_DML) and not _is_ddl(touch):
        return "work-under-lock"
    if touch.built:
        return _built(altered, doing, touch)
    return _scanned(altered, doing, touch)


def _rewritten(altered: SchemaChanges, doing: MeasuredStatement, touch: RelationEffect) -> str:
    table = touch.relation.name
    if doing.says("TRUNCATE"):
        return "truncate"
    if any(_names(doing, column.name) for column in altered.retyped(table)):
        return "type-change-rewrite"
    added = [column for column in altered.added(table) if _names(doing, column.name)]
    if added:
        return _of_new_columns(added)
    if _about(doing, "SET UNLOGGED", "SET LOGGED") and (persistence := altered.persistence(table)):
        return f"set-{persistence}"
    if _about(doing, "SET TABLESPACE") and altered.is_moved(table):
        return "set-tablespace"
    return "vacuum-full-cluster" if doing.says("VACUUM", "CLUSTER") else "work-under-lock"


def _of_new_columns(added: Sequence[Column]) -> str:
    """Give the rule of new columns for which a table was rewritten."""
    if any(column.is_serial for column in added):
        return "add-column-serial"
    if any(column.is_stored for column in added):
        return "add-column-stored-generated"
    if any(column.is_of_domain and not column.has_volatile_look for column in added):
        return "add-column-constrained-domain"
    return "add-column-volatile-default"


def _built(altered: SchemaChanges, doing: MeasuredStatement, touch: RelationEffect) -> str:
    table = touch.relation.name
    if doing.says("REINDEX"):
        return "reindex-blocking"
    if altered.is_attached(table) and _about(doing, "ATTACH PARTITION"):
        return "attach-partition-scan"
    if rule := _of_key(altered, doing, touch):
        return rule
    return "partitioned-index-blocking" if altered.is_of_partitioned(table, touch.built) else "create-index-blocking"


def _of_key(altered: SchemaChanges, doing: MeasuredStatement, touch: RelationEffect) -> str | None:
    """Give the rule of an index that ALTER TABLE has built: for a constraint, or again for a column's new type."""
    table = touch.relation.name
    kinds = {altered.constraint_kind(table, name) for name in touch.built}
    is_said = doing.says("CREATE UNIQUE INDEX", "CREATE INDEX")
    if "x" in kinds:
        return "exclusion-constraint"
    if kinds & {"p", "u"} and not is_said:
        return "unique-constraint-builds-index"
    if any(_names(doing, column.name) for column in altered.retyped(table)):
        return "type-change-index-rebuild"
    if not doing.text.startswith("ALTER TABLE"):
        return None
    return "exclusion-constraint" if doing.says("EXCLUDE") else "unique-constraint-builds-index"  # as it was before


def _scanned(altered: SchemaChanges, doing: MeasuredStatement, touch: RelationEffect) -> str:  # noqa: PLR0911 - a rule for each cause
    table, parent = touch.relation.name, touch.relation.parent
    if doing.says("REINDEX"):
        return "reindex-blocking"
    if doing.says("VALIDATE CONSTRAINT") and touch.held:
        is_new = any(doing.says_name(each.name) for each in altered.new_constraints())
        return "validate-same-transaction" if is_new else "work-under-lock"
    if altered.is_attached(table) and _about(doing, "ATTACH PARTITION"):
        return "attach-partition-scan"
    if parent and _about(doing, "PARTITION") and altered.has_new_partition(parent):
        return "default-partition-scan"
    if touch.mode == "SHARE" and _about(doing, "DOMAIN"):
        return "domain-constraint-scan"
    if any(_names(doing, column.name) for column in altered.all_retyped()):
        return "type-change-constraint-recheck"
    return _of_constraint(altered, doing, table)


def _of_constraint(altered: SchemaChanges, doing: MeasuredStatement, table: str) -> str:
    """Give the rule of the constraint for which a table was scanned."""
    if doing.says("USING INDEX") and altered.made_not_null(table):
        return "primary-key-implies-not-null"
    if _about(doing, "CHECK") and any(
        altered.new_check(table, column.name) and _names(doing, column.name) for column in altered.added(table)
    ):
        return "add-column-check-scan"
    if _about(doing, "REFERENCES") and altered.new_foreign_key(table):
        return "foreign-key-without-not-valid"
    is_said = doing.says("NOT NULL") and not doing.says("CHECK")
    if (is_said or _about(doing, "SET NOT NULL")) and altered.made_not_null(table):
        return "set-not-null-scan"
    is_check = altered.new_check(table) or (doing.text.startswith("ALTER TABLE") and doing.says(" CHECK"))
    return "constraint-without-not-valid" if is_check else "work-under-lock"


def _instants(subject: Subject, altered: SchemaChanges, doing: MeasuredStatement) -> Iterator[Finding]:
    place = _place(doing)
    for touch in doing.facts.touches:
        relation = touch.relation
        if relation.kind == "index":
            if touch.mode == MODES[-1] and altered.is_gone("index", relation.name) and _keeps(altered, relation.table):
                if _about(doing, "DROP INDEX"):
                    message = f"dropping `{relation.name}` locks `{relation.table}` in ACCESS EXCLUSIVE mode"
                    yield subject.found(
                        "drop-index-blocking", place, message, _of_table(doing, relation.table) or touch
                    )
            elif touch.rewritten and doing.says("REINDEX") and not _scans(doing, relation.table):
                yield subject.found(
                    "reindex-blocking", place, f"`{relation.name}` is rebuilt, and nobody reads by it", touch
                )
            continue
        if touch.is_taken and touch.mode == MODES[-1]:
            yield from _exclusive(subject, altered, doing, touch)
        if doing.text.startswith("LOCK") and touch.is_taken and rank(touch.mode) >= _BLOCKING:
            message = f"`{relation.name}` is locked in {touch.mode} mode until the file's end"
            yield subject.found("lock-table", place, message, touch, None)
        if touch.is_taken and touch.mode == "SHARE" and not touch.is_work and doing.says("INDEX IF NOT EXISTS"):
            message = f"the index is there already, and `{relation.name}` is locked in SHARE mode all the same"
            yield subject.found("create-index-if-not-exists-locks", place, message, touch)


def _exclusive(
    subject: Subject, altered: SchemaChanges, doing: MeasuredStatement, touch: RelationEffect
) -> Iterator[Finding]:
    relation, place = touch.relation, _place(doing)
    is_parent = relation.kind == "partitioned table"
    if is_parent and doing.says("PARTITION OF") and doing.facts.created:
        message = f"making a partition locks `{relation.name}` in ACCESS EXCLUSIVE mode"
        yield subject.found("create-partition-of-locks-parent", place, message, touch)
    elif is_parent and doing.says("DETACH PARTITION"):
        message = f"detaching a partition locks `{relation.name}` in ACCESS EXCLUSIVE mode"
        yield subject.found("detach-partition-blocking", place, message, touch)
    elif relation.kind != "sequence" and doing.says("DROP") and not altered.is_gone("table", relation.name):
        dropped = [
            each.relation
            for each in doing.facts.touches
            if altered.is_gone("table", each.relation.name) and each.relation.kind != "index"
        ]
        if dropped and not doing.says_name(relation.name):
            message = f"dropping `{dropped[0].name}` locks `{relation.name}` in ACCESS EXCLUSIVE mode"
            yield subject.found("drop-partition-locks-parent", place, message, touch)


def _keeps(altered: SchemaChanges, table: str | None) -> bool:
    return table is not None and not altered.is_gone("table", table)


def _of_table(doing: MeasuredStatement, table: str | None) -> RelationEffect | None:
    return next((touch for touch in doing.facts.touches if touch.relation.name == table), None)


def _scans(doing: MeasuredStatement, table: str | None) -> bool:
    touch = _of_table(doing, table)
    return touch is not None and touch.is_work


def _writes(subject: Subject, doing: MeasuredStatement) -> Iterator[Finding]:
    for touch in doing.facts.touches:
        if not touch.written or touch.relation.kind in ("index", "sequence"):
            continue
        rows = subject.trip.rows_before
        known = next((each.count for name, each in rows.items() if is_same(name, touch.relation.name)), 0)
        changed = touch.updated + touch.deleted
        if not _is_named(doing, touch) and not touch.rewritten:
            message = (
                f"{touch.written:,} rows of `{touch.relation.name}` are written, which the statement does not name"
            )
            yield subject.found("hidden-writes", _place(doing), message, touch)
        if changed >= _BULK_ROWS and changed >= _BULK_SHARE * known and not touch.rewritten:
            size = subject.size(touch)
            share = min(changed / known, 1.0) if known else 1.0
            there = f": about {share * size.rows:,.0f} in production" if size else ""
            message = f"{changed:,} of {known:,} rows of `{touch.relation.name}` are written at once{there}"
            yield subject.found("bulk-dml", _place(doing), message, touch, touch if size else None)


def _is_named(doing: MeasuredStatement, touch: RelationEffect) -> bool:
    """Tell whether the statement names a table, or a partitioned one that the rows come by."""
    if doing.says_name(touch.relation.name):
        return True
    parents = (each.relation for each in doing.facts.touches if each.relation.kind == "partitioned table")
    return touch.relation.parent is not None and any(doing.says_name(parent.name) for parent in parents)


def _others(
    subject: Subject, altered: SchemaChanges, doing: MeasuredStatement, told: Collection[str]
) -> Iterator[Finding]:
    """Give the tables that the statement locks and its text does not name; a partition goes with its table."""
    relations = {touch.relation.name: touch.relation for touch in doing.facts.touches}
    for touch in doing.facts.touches:
        relation: Relation | None = touch.relation
        if touch.relation.kind == "sequence" or not touch.is_taken or not _keeps_out(touch) or touch.is_work:
            continue
        if touch.relation.name in told or altered.is_gone("table", touch.relation.name):
            continue
        while relation and not doing.says_name(relation.name):
            above = relation.parent
            if above and doing.says_name(above):
                break
            relation = relations.get(above or "")
        if relation is None:
            message = f"`{touch.relation.name}` is locked in {touch.mode} mode, and the statement does not name it"
            yield subject.found("locks-other-table", _place(doing), message, touch)


def _two_tables(subject: Subject) -> Iterator[Finding]:
    """Give the second table that is locked in one transaction, by another statement than the first."""
    first: tuple[int, RelationEffect] | None = None
    for doing in subject.doings:
        if doing.facts.is_alone or subject.up.mode == "statements":
            continue
        for touch in doing.facts.touches:
            if touch.relation.kind not in ("table", "partitioned table") or rank(touch.mode) < _BLOCKING:
                continue
            if not touch.is_taken or touch.relation.parent:
                continue
            if first is None:
                first = (doing.facts.number, touch)
            elif first[0] != doing.facts.number and first[1].relation.oid != touch.relation.oid:
                message = (
                    f"`{touch.relation.name}` is locked in {touch.mode} mode while `{first[1].relation.name}` is: "
                    "whoever takes the two the other way round makes a deadlock"
                )
                yield subject.found("two-exclusive-tables", _place(doing), message, touch)
                return


def _alone(subject: Subject, doing: MeasuredStatement) -> Iterator[Finding]:
    if doing.text.startswith(("DO", "CALL")):
        message = "it commits by itself: what it locks, scans and writes in between was not all seen"
        yield subject.found("commits-inside", _place(doing), message)
    if not doing.says("CONCURRENTLY"):
        return
    if doing.says("CREATE") and doing.says("INDEX CONCURRENTLY IF NOT EXISTS"):
        message = "an invalid index of that name, left by a failed build, would pass for the one that is effect"
        yield subject.found("invalid-index-left", _place(doing), message)
    if subject.up.value("lock-timeout") is not None or _sets_lock_timeout(subject, doing):
        effect = doing.statement.kind.catalog_effect
        left = f"leaves `{last_part(effect.name)}` half done" if effect else "leaves an invalid index behind"
        message = f"a lock_timeout cuts it short while it waits for old snapshots, and {left}"
        yield subject.found("cic-waits-for-old-snapshots", _place(doing), message)


def _sets_lock_timeout(subject: Subject, doing: MeasuredStatement) -> bool:
    """Tell whether the file has set a bound before the statement; 0 is none."""
    texts = [each.text for each in subject.up.statements if each.start < doing.statement.start]
    values = [match["value"] for text in texts for match in _LOCK_TIMEOUT.finditer(text)]
    return bool(values) and values[-1].strip("0'ms ") != ""
