"""Findings of swaps: another table, view or column has an old name, and is not like the old one.

Lost guarantees are in `guarantees`, lost rights in `rights`; this module has the columns, the rows, row level security,
and what still refers to the old table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from sqlmigrate.catalog.objects import Object
from sqlmigrate.identifiers import displayed, last_part
from sqlmigrate.review.measure.facts import Swapped
from sqlmigrate.review.rules import altered, removed, replaced
from sqlmigrate.review.rules.rule import Finding
from sqlmigrate.source import Span
from sqlmigrate.spelling import plural

from .definitions import foreign_key
from .schema_changes import Column, is_on
from .subject import Subject
from .successors import VIEWS, Successor

# A value of the first type fits into each of the others.
_WIDER = {
    "smallint": ("integer", "bigint", "numeric"),
    "integer": ("bigint", "numeric"),
    "bigint": ("numeric",),
    "real": ("double precision",),
    "character varying": ("text",),
}
_LENGTH = re.compile(r"^(.+?)\((\d+)(?:,\d+)?\)$")


def find(subject: Subject) -> Iterator[Finding]:
    """Return these findings of an up file."""
    for pair in subject.successors:
        yield from _columns(subject, pair)
        if pair.is_other:
            yield from _new_columns(subject, pair)
            yield from _row_security(subject, pair)
            yield from _left_behind(subject, pair)
        elif pair.columns:
            yield from _keys_to_old_columns(subject, pair)
    yield from _contents(subject)


# columns


def _columns(subject: Subject, pair: Successor) -> Iterator[Finding]:
    """Compare the columns that are other ones under an old name."""
    name = displayed(pair.before.name)
    place = subject.place_of_name(pair.after)
    if pair.is_other:
        for column in pair.gone_columns:
            message = (
                f"`{name}.{column}` no longer exists: the {pair.after.kind} that is `{name}` now has no such column"
            )
            yield subject.finding(removed.DROP_COLUMN, place, message)
    for old, new in pair.columns:
        before, after = Column(old), Column(new)
        where = _place(subject, pair, new)
        if before.type != after.type:
            message = (
                f"`{displayed(before.name)}` is another column now: it has the type {after.type}, not {before.type}"
            )
            rule = replaced.COLUMN_WIDENED if is_wider(before.type, after.type) else replaced.COLUMN_TYPE_DIFFERS
            yield subject.finding(rule, where, message)
        if pair.after.kind in VIEWS:
            continue  # the table under the view has the defaults
        yield from _values(subject, pair, before, after)


def _place(subject: Subject, pair: Successor, column: Object) -> Span:
    return subject.place_of_name(pair.after if pair.is_other else column)


def _values(subject: Subject, pair: Successor, before: Column, after: Column) -> Iterator[Finding]:
    """Compare what an INSERT may leave out, or write."""
    name = displayed(after.name)
    place = _place(subject, pair, after.object)
    has_value = after.has_value or subject.is_set_by_trigger(after.object) or _has_parent_value(subject, pair, after)
    if after.is_generated and not before.is_generated:
        message = f"`{name}` is a generated column now: an INSERT or UPDATE that sets it fails"
        yield subject.finding(replaced.COLUMN_NOT_WRITABLE, place, message)
    elif after.is_not_null and not has_value and pair.is_other and (before.has_value or not before.is_not_null):
        message = f"`{name}` is another column now, NOT NULL and without a default: an INSERT without it fails"
        yield subject.finding(altered.NEW_NOT_NULL_WITHOUT_DEFAULT, place, message)
    elif after.is_not_null and not before.is_not_null and pair.before.kind not in VIEWS and has_value:
        message = f"`{name}` is now NOT NULL: an INSERT or UPDATE that sets it to NULL fails"
        finding = subject.finding(altered.NEW_NOT_NULL_WITHOUT_DEFAULT, place, message)
        yield replace(finding, severity="warning")
    elif before.has_value and not has_value and not after.is_not_null:
        message = f"`{name}` is another column now, without a default: an INSERT without it writes NULL"
        yield replace(subject.finding(altered.COLUMN_DEFAULT_REMOVED, place, message), severity="warning")


def _has_parent_value(subject: Subject, pair: Successor, column: Column) -> bool:
    """Return whether an INSERT into the partitioned table of a partition gives a column its value.

    The default of a partition counts only for an INSERT into the partition itself:
    https://www.postgresql.org/docs/current/ddl-partitioning.html
    """
    above = pair.after.attributes.get("parents") if pair.after.attributes.get("partition bound") else None
    objects = subject.trip.after.objects if subject.trip.after else {}
    found = objects.get(("column", f"{above}.{column.object.path[-1]}"))
    return found is not None and Column(found).has_value


def is_wider(before: str, after: str) -> bool:
    """Return whether every value of a type fits into another one."""
    old, new = _LENGTH.match(before), _LENGTH.match(after)
    if old and new and old[1] == new[1] and "," not in before + after:
        return int(old[2]) <= int(new[2])
    base = old[1] if old else before
    return after in _WIDER.get(base, ()) or (bool(old) and "," not in before and base == after)


def _new_columns(subject: Subject, pair: Successor) -> Iterator[Finding]:
    """Return findings of columns that the old relation did not have, and that an INSERT must set."""
    old = {each.path[-1] for each in pair.was.parts_of(pair.before, "column")}
    for each in pair.now.parts_of(pair.after, "column"):
        column = Column(each)
        if each.path[-1] not in old and column.is_not_null and not column.has_value and pair.after.kind not in VIEWS:
            message = f"`{displayed(column.name)}` is NOT NULL, without a default, and not in the old table"
            message += ": an INSERT of the running application fails"
            place = subject.place_of_name(pair.after)
            yield subject.finding(altered.NEW_NOT_NULL_WITHOUT_DEFAULT, place, message)


# row level security


def _row_security(subject: Subject, pair: Successor) -> Iterator[Finding]:
    name, place = displayed(pair.before.name), subject.place_of_name(pair.after)
    was_on, is_now = is_on(pair.before, "rls"), is_on(pair.after, "rls")
    if pair.after.kind in VIEWS:
        is_now = "security_invoker=" in (pair.after.attributes.get("options") or "")
        if was_on and not is_now:
            message = f"`{name}` is a view now, which reads with the rights of its owner"
            message += ": the policies no longer apply to the role that asks"
            yield subject.finding(altered.RLS_DISABLED, place, message)
        return
    policies = pair.now.parts_of(pair.after, "policy")
    if was_on and not is_now:
        message = f"`{name}` is another {pair.after.kind} now, without row level security: every role sees all rows"
        yield subject.finding(altered.RLS_DISABLED, place, message)
    elif is_now and not was_on and not policies:
        message = f"`{name}` is another {pair.after.kind} now, with row level security and without a policy"
        yield subject.finding(altered.RLS_WITHOUT_POLICY, place, message + ": only the owner sees rows")
    elif was_on:
        names = {each.path[-1] for each in policies}
        for policy in pair.was.parts_of(pair.before, "policy"):
            if policy.path[-1] not in names and policy.identity in pair.base.by_identity:
                message = f"the policy `{last_part(policy.name)}` is not on the {pair.after.kind} that is `{name}` now"
                yield subject.finding(altered.POLICY_REMOVED, place, message)


# what still refers to the old one


def _left_behind(subject: Subject, pair: Successor) -> Iterator[Finding]:
    """Return findings of what knows the old relation by its OID, and follows it to its new name."""
    old = pair.old
    if old is None or pair.after.kind in VIEWS:
        return
    mention = re.compile(rf'(?<![\w$."]){re.escape(old.name)}(?![\w$"])')
    for was in sorted(pair.was.objects.values(), key=lambda each: (each.kind, each.name)):
        now = pair.now.by_identity.get(was.identity)
        if now is None or now.table == old.name or was.identity not in pair.base.by_identity:
            continue
        if what := _refers(was, now, mention):
            message = (
                f"{what} is still bound to `{displayed(old.name)}`, not to the new `{displayed(pair.before.name)}`"
            )
            yield subject.finding(replaced.REFERS_TO_OLD_TABLE, subject.place_of_name(pair.after), message)


def _keys_to_old_columns(subject: Subject, pair: Successor) -> Iterator[Finding]:
    """Return findings of foreign keys to a column that has given its name to another one."""
    swapped = {before.path[-1] for before, _ in pair.columns}
    for was in pair.was.objects.values():
        now = pair.now.by_identity.get(was.identity)
        if was.kind != "constraint" or now is None or was.identity not in pair.base.by_identity:
            continue
        old, new = (foreign_key(each.definition) for each in (was, now))
        if old and new and new.table == pair.after.name and swapped.intersection(old.key.split(", ")):
            message = f"the foreign key `{displayed(now.name)}` is still bound to "
            message += f"`{displayed(new.table)}` ({new.key}), not to the new ({old.key})"
            yield subject.finding(replaced.REFERS_TO_OLD_TABLE, subject.place_of_name(pair.after), message)


def _refers(was: Object, now: Object, mention: re.Pattern[str]) -> str:
    """Describe an object whose definition names the old relation by its new name; empty if it does not."""
    name = f"`{displayed(now.name)}`"
    if now.kind == "constraint":
        key = foreign_key(now.definition)
        return f"the foreign key {name}" if key and mention.fullmatch(key.table) else ""
    texts = {
        "view": ("view",),
        "materialized view": ("view",),
        "policy": ("using", "check"),
        "rule": ("definition",),
        "function": ("definition",),
        "procedure": ("definition",),
    }.get(now.kind, ())
    for each in texts:
        before, after = was.attributes.get(each) or "", now.attributes.get(each) or ""
        if before != after and mention.search(after) and not mention.search(before):
            return f"the {now.kind} {name}"
    return ""


# rows and values


def _contents(subject: Subject) -> Iterator[Finding]:
    for each in subject.trip.swapped:
        found = _column_values(subject, each) if each.column else _table_rows(subject, each)
        yield from found


def _table_rows(subject: Subject, swapped: Swapped) -> Iterator[Finding]:
    """Return a finding of a new table with fewer rows than the one whose name it has.

    A table that was there before the new migrations has made-up rows of its own: they say nothing.
    """
    before = subject.trip.before.tables[swapped.table]
    now = subject.trip.after
    if now is None:
        return
    after = now.tables[swapped.table]
    if swapped.before is None or swapped.after >= swapped.before:
        return
    if subject.is_old(after.identity.oid) or not subject.is_old(before.identity.oid):
        return
    left = now.by_identity.get(before.identity)
    message = f"`{displayed(swapped.table)}` had {plural(swapped.before, 'row')}"
    if left is None:
        place = subject.place_of_lost_rows(swapped.table, before.identity.oid)
        message += f", and has {swapped.after:,} after up"
    else:
        place = subject.place_of_name(after)
        message += f", and is another table with {swapped.after:,} now: the old rows are in `{displayed(left.name)}`"
    yield subject.finding(removed.ROWS_LOST, place, message)


def _column_values(subject: Subject, swapped: Swapped) -> Iterator[Finding]:
    """Return a finding of a new column without the values of the old one, whose name it has.

    If the old column still exists and has values, that is certain. Otherwise the new one may have been filled with what
    the old one had, which in generated rows may be nothing. A column that the file creates in a table whose rows it
    does not write has no values but its default.
    """
    trip = subject.trip
    if trip.after is None:
        return
    name = f"{swapped.table}.{swapped.column}"
    before, after = trip.before.objects["column", name], trip.after.objects["column", name]
    if not subject.is_known(before) or not swapped.rows or Column(after).is_generated:
        return
    is_created_here = after.identity not in trip.before.identities
    is_only_created = is_created_here and not _is_written(subject, after.identity.oid)
    if is_only_created or (swapped.before and not swapped.after):
        left = trip.after.by_identity.get(before.identity)
        has = "has no values" if not swapped.after else "has its default in every row"
        message = f"`{displayed(name)}` is another column now, and {has}"
        message += f": the old values are in `{last_part(left.name)}`" if left else ": the old values are lost"
        yield subject.finding(replaced.COLUMN_VALUES_LOST, subject.place_of_name(after), message)


def _is_written(subject: Subject, table: int) -> bool:
    """Return whether the file wrote rows of a table, given by its OID, or of its partitions."""
    touches = [touch for each in subject.statements for touch in each.facts.touches]
    names = {touch.relation.name for touch in touches if touch.relation.oid == table}
    return any(
        touch.inserted + touch.updated and (touch.relation.oid == table or touch.relation.parent in names)
        for touch in touches
    )
