"""Findings of work under a lock: what was rewritten, scanned, built or written while others had to wait.

A statement is judged by what it did, wherever its text stands, in a ``DO`` block or a function too. Its words, and what
changed in the catalog, only decide which rule tells of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlmigrate.source import Span

from .altered import Altered
from .facts import MODES, Touch, rank
from .rule import Finding
from .subject import Doing, Subject, last_part

_BLOCKING = rank("SHARE")
_DML = ("UPDATE", "DELETE", "INSERT", "MERGE", "SELECT", "WITH", "COPY")
_BULK_ROWS, _BULK_SHARE = 20, 0.2


def find(subject: Subject) -> Iterator[Finding]:
    """Give every finding of the up file's locks, statement by statement."""
    altered = Altered(subject.trip.changes)
    told: set[tuple[str, str]] = set()
    for doing in subject.doings:
        for finding in _of_statement(subject, altered, doing):
            if (finding.rule.name, finding.relation) not in told or finding.rule.name == "work-under-lock":
                told.add((finding.rule.name, finding.relation))
                yield finding
    yield from _two_tables(subject)


def _of_statement(subject: Subject, altered: Altered, doing: Doing) -> Iterator[Finding]:
    works = [*_works(subject, altered, doing)]
    yield from works
    if doing.facts.is_alone:
        yield from _alone(subject, doing)
        return
    yield from _instants(subject, altered, doing)
    yield from _writes(subject, doing)
    if not works:
        yield from _others(subject, doing)
    if not doing.facts.is_bounded and (touch := _blocking(doing)):
        message = (
            f"`{touch.relation.name}` is locked in {touch.mode} mode without a lock_timeout: who waits, waits long"
        )
        yield subject.found("lock-timeout-missing", _place(doing), message, touch)


def _place(doing: Doing) -> Span:
    return doing.statement.source.span(doing.statement.start)


def _blocking(doing: Doing) -> Touch | None:
    """Give the first table on which the statement took a lock that others wait for."""
    return next(
        (
            touch
            for touch in doing.facts.touches
            if touch.relation.kind != "index" and touch.is_taken and rank(touch.mode) >= _BLOCKING
        ),
        None,
    )


# -- work whose time grows with the table ------------------------------------------------------------------------------


def _works(subject: Subject, altered: Altered, doing: Doing) -> Iterator[Finding]:
    """Give a finding for each table on which work was done while a lock was held that others wait for."""
    for touch in doing.facts.touches:
        if touch.relation.kind == "index" or not touch.is_work:
            continue
        if rank(touch.mode) >= _BLOCKING:
            rule = _cause(altered, doing, touch)
            if rule and rule != "truncate":
                yield subject.found(rule, _place(doing), _work_message(touch), touch, touch)
        elif doing.says(*_DML) and (held := _held_elsewhere(doing)):
            message = f"`{touch.relation.name}` is read while `{held.relation.name}` is locked in {held.mode} mode"
            yield subject.found("work-under-lock", _place(doing), message, held, touch)
    for touch in doing.facts.touches:
        if touch.written and (held := _earlier_lock(doing, touch)) and not touch.is_work:
            message = f"{touch.written:,} rows are written while `{held.relation.name}` is locked in {held.mode} mode"
            yield subject.found("work-under-lock", _place(doing), message, held, touch)


def _held_elsewhere(doing: Doing) -> Touch | None:
    return next((each for each in doing.facts.touches if rank(each.held) >= _BLOCKING), None)


def _earlier_lock(doing: Doing, touch: Touch) -> Touch | None:
    """Give the touch whose lock an earlier statement took, if others wait for it."""
    return touch if rank(touch.held) >= _BLOCKING else _held_elsewhere(doing)


def _work_message(touch: Touch) -> str:
    does = "is rewritten" if touch.rewritten else "gets an index built" if touch.built else "is scanned"
    earlier = ", which an earlier statement took" if touch.held == touch.mode else ""
    return f"`{touch.relation.name}` {does} under {touch.mode}{earlier}"


def _cause(altered: Altered, doing: Doing, touch: Touch) -> str:
    if doing.text.startswith("REFRESH") or touch.relation.kind == "materialized view":
        return "refresh-matview-blocking"
    if touch.rewritten:
        return _rewritten(altered, doing, touch)
    if doing.text.startswith(_DML):
        return "work-under-lock"
    if touch.built:
        return _built(altered, doing, touch)
    return _scanned(altered, doing, touch)


def _rewritten(altered: Altered, doing: Doing, touch: Touch) -> str:  # noqa: PLR0911 - a rule for each cause
    table = touch.relation.name
    if doing.says("TRUNCATE"):
        return "truncate"
    if doing.text.startswith(("VACUUM", "CLUSTER")):
        return "vacuum-full-cluster"
    if doing.says("SET UNLOGGED"):
        return "set-unlogged"
    if doing.says("SET LOGGED"):
        return "set-logged"
    if doing.says("SET TABLESPACE"):
        return "set-tablespace"
    if any(doing.says_name(column.name) for column in altered.retyped(table)):
        return "type-change-rewrite"
    added = [column for column in altered.added(table) if doing.says_name(column.name)]
    if any(column.is_serial for column in added):
        return "add-column-serial"
    if any(column.is_stored for column in added):
        return "add-column-stored-generated"
    if any(column.is_of_domain and not column.has_volatile_look for column in added):
        return "add-column-constrained-domain"
    return "add-column-volatile-default" if added else "work-under-lock"


def _built(altered: Altered, doing: Doing, touch: Touch) -> str:  # noqa: PLR0911 - a rule for each cause
    if doing.says("REINDEX"):
        return "reindex-blocking"
    if doing.says("ATTACH PARTITION", "PARTITION OF"):
        return "attach-partition-scan"
    kinds = {altered.constraint_kind(touch.relation.name, name) for name in touch.built}
    if "x" in kinds:
        return "exclusion-constraint"
    if kinds & {"p", "u"} and not doing.says("CREATE UNIQUE INDEX", "CREATE INDEX"):
        return "unique-constraint-builds-index"
    if any(doing.says_name(column.name) for column in altered.retyped(touch.relation.name)):
        return "type-change-index-rebuild"
    if touch.relation.kind == "partitioned table" or touch.relation.parent:
        return "partitioned-index-blocking"
    return "create-index-blocking"


def _scanned(altered: Altered, doing: Doing, touch: Touch) -> str:  # noqa: C901, PLR0911 - a rule for each cause
    table = touch.relation.name
    if doing.says("REINDEX"):
        return "reindex-blocking"
    if doing.says("VALIDATE CONSTRAINT") and touch.held:
        return "validate-same-transaction"
    if doing.says("ATTACH PARTITION", "PARTITION OF"):
        named = doing.says_name(table) and not touch.relation.parent
        return "attach-partition-scan" if named else "default-partition-scan"
    if doing.says("DOMAIN"):
        return "domain-constraint-scan"
    if doing.says("PRIMARY KEY USING INDEX") or (doing.says("USING INDEX") and altered.made_not_null(table)):
        return "primary-key-implies-not-null"
    if doing.says("ADD COLUMN") and altered.added(table) and doing.says("CHECK"):
        return "add-column-check-scan"
    if doing.says("REFERENCES") or altered.new_foreign_key(table):
        return "foreign-key-without-not-valid"
    if doing.says("NOT NULL") and altered.made_not_null(table):
        return "set-not-null-scan"
    if doing.says("CHECK") and altered.new_check(table):
        return "constraint-without-not-valid"
    if any(doing.says_name(column.name) for column in altered.retyped(table)):
        return "type-change-constraint-recheck"
    if altered.new_check(table):
        return "constraint-without-not-valid"
    return "work-under-lock"


# -- locks for an instant ----------------------------------------------------------------------------------------------


def _instants(subject: Subject, altered: Altered, doing: Doing) -> Iterator[Finding]:
    place = _place(doing)
    for touch in doing.facts.touches:
        relation = touch.relation
        if relation.kind == "index":
            if touch.mode == MODES[-1] and altered.is_gone("index", relation.name) and _keeps(altered, relation.table):
                if doing.says("DROP INDEX"):
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


def _exclusive(subject: Subject, altered: Altered, doing: Doing, touch: Touch) -> Iterator[Finding]:
    relation, place = touch.relation, _place(doing)
    is_parent = relation.kind == "partitioned table"
    if is_parent and doing.says("PARTITION OF") and doing.facts.created:
        message = f"making a partition locks `{relation.name}` in ACCESS EXCLUSIVE mode"
        yield subject.found("create-partition-of-locks-parent", place, message, touch)
    elif is_parent and doing.says("DETACH PARTITION"):
        message = f"detaching a partition locks `{relation.name}` in ACCESS EXCLUSIVE mode"
        yield subject.found("detach-partition-blocking", place, message, touch)
    elif doing.says("DROP") and not altered.is_gone("table", relation.name):
        dropped = [
            each.relation
            for each in doing.facts.touches
            if altered.is_gone("table", each.relation.name) and each.relation.kind != "index"
        ]
        if dropped and not doing.says_name(relation.name):
            message = f"dropping `{dropped[0].name}` locks `{relation.name}` in ACCESS EXCLUSIVE mode"
            yield subject.found("drop-partition-locks-parent", place, message, touch)


def _keeps(altered: Altered, table: str | None) -> bool:
    return table is not None and not altered.is_gone("table", table)


def _of_table(doing: Doing, table: str | None) -> Touch | None:
    return next((touch for touch in doing.facts.touches if touch.relation.name == table), None)


def _scans(doing: Doing, table: str | None) -> bool:
    touch = _of_table(doing, table)
    return touch is not None and touch.is_work


# -- rows written ------------------------------------------------------------------------------------------------------


def _writes(subject: Subject, doing: Doing) -> Iterator[Finding]:
    for touch in doing.facts.touches:
        if not touch.written or touch.relation.kind in ("index", "sequence"):
            continue
        rows = subject.trip.rows_before
        known = next((each.count for name, each in rows.items() if _same(name, touch.relation.name)), 0)
        changed = touch.updated + touch.deleted
        if not doing.says_name(touch.relation.name) and not touch.rewritten:
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


def _same(name: str, other: str) -> bool:
    return name.removeprefix("public.") == other.removeprefix("public.")


# -- more than one table -----------------------------------------------------------------------------------------------


def _others(subject: Subject, doing: Doing) -> Iterator[Finding]:
    """Give the tables that the statement locks and its text does not name; a partition goes with its table."""
    for touch in doing.facts.touches:
        relation = touch.relation
        if relation.kind == "index" or not touch.is_taken or rank(touch.mode) < _BLOCKING or touch.is_work:
            continue
        if doing.says_name(relation.name) or (relation.parent and doing.says_name(relation.parent)):
            continue
        if relation.kind == "partitioned table" and doing.says("DROP"):
            continue  # told by drop-partition-locks-parent
        message = f"`{relation.name}` is locked in {touch.mode} mode, and the statement does not name it"
        yield subject.found("locks-other-table", _place(doing), message, touch)


def _two_tables(subject: Subject) -> Iterator[Finding]:
    """Give the second table that is locked in one transaction, by another statement than the first."""
    first: tuple[int, Touch] | None = None
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


# -- without a transaction ---------------------------------------------------------------------------------------------


def _alone(subject: Subject, doing: Doing) -> Iterator[Finding]:
    if not doing.says("CONCURRENTLY"):
        return
    if doing.says("CREATE") and doing.says("INDEX CONCURRENTLY IF NOT EXISTS"):
        message = "an invalid index of that name, left by a failed build, would pass for the one that is meant"
        yield subject.found("invalid-index-left", _place(doing), message)
    sets = any("LOCK_TIMEOUT" in each.text.upper() for each in subject.up.statements)
    if subject.up.value("lock-timeout") is not None or sets:
        index = last_part(doing.statement.text.split("(")[0].split()[-1])
        message = f"a lock_timeout cuts it short while it waits for old snapshots, and leaves `{index}` half made"
        yield subject.found("cic-waits-for-old-snapshots", _place(doing), message)
