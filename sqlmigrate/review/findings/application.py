"""Findings of what is gone, renamed, or otherwise than the running application expects it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlmigrate.catalog.objects import Change, Object
from sqlmigrate.identifiers import displayed, last_part, parent
from sqlmigrate.review.measure.facts import RoundTrip
from sqlmigrate.review.rules.rule import Finding

from .schema_changes import Column, SchemaChanges, is_on
from .subject import Subject

# Kinds of the catalog, and the rule that tells when one of them is gone.
_GONE = {
    "table": "drop-table",
    "partitioned table": "drop-table",
    "foreign table": "drop-table",
    "column": "drop-column",
    "view": "drop-view",
    "materialized view": "drop-view",
    "function": "drop-function",
    "procedure": "drop-function",
    "aggregate": "drop-function",
    "type": "drop-type",
    "enum": "drop-type",
    "domain": "drop-type",
    "range": "drop-type",
    "composite type": "drop-type",
}
_RELATIONS = ("table", "partitioned table", "foreign table", "view", "materialized view")
_RENAMED = {**dict.fromkeys(_RELATIONS, "rename-table"), "column": "rename-column", "schema": "rename-schema"}
_MOVED = (*_RELATIONS, "type", "enum", "domain", "range", "composite type", "function", "procedure", "aggregate")
# https://www.postgresql.org/docs/current/ddl-priv.html#PRIVILEGE-ABBREVS-TABLE
_RIGHTS = {
    "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "D": "TRUNCATE", "x": "REFERENCES", "t": "TRIGGER",
    "m": "MAINTAIN", "X": "EXECUTE", "U": "USAGE", "C": "CREATE",
}  # fmt: skip


# What a broken body misses, as PostgreSQL or we say it: column "state" does not exist, it says `state`.
_NAMED = re.compile(r'["`]([^"`]+)["`]')


def find(subject: Subject) -> Iterator[Finding]:
    """Give every finding of what the up file takes away, renames or opens."""
    if subject.trip.after is None:
        return
    altered = SchemaChanges([*_to_old(subject.trip)])
    yield from _gone(subject, altered)
    yield from _renamed(subject, altered)
    yield from _rows(subject)
    yield from _rights(subject, altered)
    yield from _columns(subject, altered)
    for name, why in subject.trip.broken:
        message = f"the body of `{displayed(name)}` no longer works: {why}"
        named = [last_part(each) for each in _NAMED.findall(why)][-1:]
        yield subject.found("function-body-broken", subject.statement_naming(*named), message)
    for rule, name, message in subject.trip.loose:
        yield subject.found(rule, subject.statement_naming(name), message)


def _to_old(trip: RoundTrip) -> Iterator[Change]:
    """Leave out what happens to what another of the new files has made: nobody uses it yet."""
    known = trip.base.identities if trip.base else frozenset()
    for change in trip.changes:
        if change.before is None or trip.base is None or change.before.identity in known:
            yield change


def _gone(subject: Subject, altered: SchemaChanges) -> Iterator[Finding]:
    for change in altered.all("gone"):
        thing = _before(change)
        if altered.is_part_of_gone(thing) or altered.is_replaced(thing) or thing.kind not in _GONE:
            continue
        place, name = subject.statement_naming(last_part(thing.name)), displayed(thing.name)
        if any(doing.says_name(thing.name) for doing in subject.doings):
            message = f"the {thing.kind} `{name}` is gone: whoever still uses it gets an error"
            yield subject.found(_GONE[thing.kind], place, message)
        else:
            cascading = next((doing for doing in subject.doings if doing.says("CASCADE")), None)
            span = cascading.statement.source.span(cascading.statement.start) if cascading else place
            message = f"the {thing.kind} `{name}` is gone too, which the file does not name"
            yield subject.found("cascade-drops-dependents", span, message)
    for change in altered.all("gone"):
        thing = _before(change)
        if thing.kind in ("constraint", "trigger", "default") and not altered.is_part_of_gone(thing):
            named = any(doing.says_name(thing.name) for doing in subject.doings)
            if not named and not altered.is_replaced(thing) and any(doing.says("CASCADE") for doing in subject.doings):
                message = f"the {thing.kind} `{displayed(thing.name)}` is gone too, which the file does not name"
                yield subject.found("cascade-drops-dependents", subject.statement_naming(), message)


def _before(change: Change) -> Object:
    if change.before is None:
        raise AssertionError("what is gone was there before")
    return change.before


def _renamed(subject: Subject, altered: SchemaChanges) -> Iterator[Finding]:
    for before, after in _named_otherwise(subject, altered, "renamed"):
        if before.kind in _RENAMED:
            old, new = displayed(before.name), last_part(after.name)
            message = f"the {before.kind} `{old}` is now called `{new}`: the running application asks for the old name"
            yield subject.found(_RENAMED[before.kind], subject.statement_naming(new), message)
        elif before.kind in _GONE and "RETURNS trigger" not in (after.attributes.get("definition") or ""):
            message = f"the {before.kind} `{displayed(before.name)}` is now called `{displayed(after.name)}`"
            message += ": whoever uses the old name gets an error"
            yield subject.found(_GONE[before.kind], subject.statement_naming(last_part(before.name)), message)
    for before, after in _named_otherwise(subject, altered, "moved"):
        if before.kind in _MOVED:
            message = f"the {before.kind} `{displayed(before.name)}` is now `{after.name}`"
            yield subject.found("set-schema", subject.statement_naming(last_part(before.name)), message)
    for name, old, new in altered.renamed_labels():
        message = f"the label '{old}' of `{displayed(name)}` is now '{new}': the running application uses the old one"
        yield subject.found("rename-enum-value", subject.statement_naming(last_part(name)), message)


def _named_otherwise(subject: Subject, altered: SchemaChanges, how: str) -> Iterator[tuple[Object, Object]]:
    """Give what has another name: before, after. A schema's is told once; another may have taken the old one."""
    after = subject.trip.after
    for change in altered.all(how):
        before, now = change.before, change.after
        if before is None or now is None or altered.is_in_renamed_schema(before):
            continue
        if after is None or not any((kind, before.name) in after.objects for kind in (before.kind, "view")):
            yield before, now


def _rows(subject: Subject) -> Iterator[Finding]:
    truncated: set[str] = set()
    for doing in subject.doings:
        for touch in doing.facts.touches:
            if touch.rewritten and doing.says("TRUNCATE") and touch.relation.kind != "index":
                truncated.add(touch.relation.name)
                message = f"every row of `{touch.relation.name}` is gone"
                place = doing.statement.source.span(doing.statement.start)
                yield subject.found("truncate", place, message, touch)
    after = subject.trip.rows_after
    for name, before in subject.trip.rows_before.items():
        now = after.get(name)
        if (
            subject.is_old(before.oid)
            and now is not None
            and now.count < before.count
            and displayed(name) not in truncated
        ):
            message = f"`{displayed(name)}` had {before.count:,} rows, and has {now.count:,} after up"
            yield subject.found("rows-lost", subject.statement_naming(last_part(name)), message)


def _rights(subject: Subject, altered: SchemaChanges) -> Iterator[Finding]:
    for before, after in altered.replaced():
        lost = [*_lost(before.attributes.get("acl") or "", after.attributes.get("acl") or "", before)]
        if lost:
            message = f"`{displayed(before.name)}` was dropped and made anew: {', '.join(lost)}"
            yield subject.found("grants-lost", subject.statement_naming(last_part(before.name)), message)
    for change in altered.all("altered"):
        yield from _altered(subject, change)
    for change in altered.all("gone"):
        thing = _before(change)
        if thing.kind == "policy" and not altered.is_part_of_gone(thing) and not altered.is_replaced(thing):
            message = f"the policy `{last_part(thing.name)}` is gone"
            yield subject.found("policy-removed", subject.statement_naming(last_part(thing.name)), message)


def _lost(before: str, after: str, thing: Object) -> Iterator[str]:
    """Say who may no longer do what, but for the owner."""
    now = dict(_granted(after))
    for grantee, rights in _granted(before):
        gone = [_RIGHTS.get(each, each) for each in rights if each not in now.get(grantee, "") and each != "*"]
        if gone and grantee != thing.attributes.get("owner"):
            yield f"{f'`{grantee}`' if grantee else 'everybody'} has lost {', '.join(gone)}"


def _granted(acl: str) -> Iterator[tuple[str, str]]:
    """Read rights as PostgreSQL writes them, ``reporting=r/owner``: who, and the letters."""
    for item in acl.split(" "):
        grantee, is_there, rights = item.partition("/")[0].rpartition("=")
        if is_there:
            yield grantee.strip('"'), rights


def _altered(subject: Subject, change: Change) -> Iterator[Finding]:
    before, after = change.before, change.after
    if before is None or after is None:
        return
    name, place = displayed(after.name), subject.statement_naming(last_part(after.name))
    owner, was = after.attributes.get("owner"), before.attributes.get("owner")
    if owner != was and not (after.kind == "sequence" and after.table != after.name):  # it goes with its table
        message = f"`{name}` belongs to `{owner}` now, no longer to `{was}`"
        yield subject.found("owner-changed", place, message)
    if is_on(after, "rls") and not is_on(before, "rls") and not _has_policy(subject, after.name):
        message = f"row level security of `{name}` is on, and there is no policy: nobody but its owner sees a row"
        yield subject.found("rls-without-policy", place, message)
    if is_on(before, "rls") and not is_on(after, "rls"):
        yield subject.found("rls-disabled", place, f"row level security of `{name}` is off: everybody sees every row")
    if after.kind == "trigger" and before.attributes.get("enabled") != after.attributes.get("enabled") == "disabled":
        yield subject.found("trigger-disabled", place, f"the trigger `{last_part(name)}` no longer fires")


def _has_policy(subject: Subject, table: str) -> bool:
    after = subject.trip.after
    return after is not None and any(kind == "policy" and parent(name) == table for kind, name in after.objects)


def _columns(subject: Subject, altered: SchemaChanges) -> Iterator[Finding]:
    for before, after in altered.altered_columns():
        place, name = subject.statement_naming(last_part(after.name)), displayed(after.name)
        if before.default and not after.default and after.is_not_null and not after.is_identity:
            message = f"`{name}` has no default any more and takes no NULL: an INSERT without it fails"
            yield subject.found("column-default-removed", place, message)
        elif after.is_not_null and not before.is_not_null and not after.has_value:
            message = f"`{name}` takes no NULL any more and has no default: an INSERT without it fails"
            yield subject.found("new-not-null-without-default", place, message)
    for column in altered.added_to_old():
        if column.is_not_null and not column.has_value and subject.is_old(column.object.identity.oid):
            yield _needed(subject, column)


def _needed(subject: Subject, column: Column) -> Finding:
    message = (
        f"the new `{displayed(column.name)}` takes no NULL and has no default: an INSERT of the old application fails"
    )
    return subject.found("new-not-null-without-default", subject.statement_naming(last_part(column.name)), message)
