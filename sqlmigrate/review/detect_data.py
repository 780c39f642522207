"""Findings of what is gone, renamed, or otherwise than the running application expects it."""

from __future__ import annotations

from collections.abc import Iterator

from .altered import Altered, Column, is_on
from .catalog import Change, Object
from .rule import Finding
from .subject import Subject, last_part

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


def find(subject: Subject) -> Iterator[Finding]:
    """Give every finding of what the up file takes away, renames or opens."""
    if subject.trip.after is None:
        return
    altered = Altered(subject.trip.changes)
    yield from _gone(subject, altered)
    yield from _renamed(subject, altered)
    yield from _rows(subject)
    yield from _rights(subject, altered)
    yield from _columns(subject, altered)
    for name, why in subject.trip.broken:
        message = f"the body of `{_short(name)}` no longer works: {why}"
        yield subject.found("function-body-broken", subject.statement_naming(), message)
    for rule, name, message in subject.trip.loose:
        yield subject.found(rule, subject.statement_naming(name), message)


def _short(name: str) -> str:
    return name.removeprefix("public.")


# -- gone and renamed --------------------------------------------------------------------------------------------------


def _gone(subject: Subject, altered: Altered) -> Iterator[Finding]:
    for change in altered.all("gone"):
        thing = _before(change)
        if altered.is_part_of_gone(thing) or altered.is_replaced(thing) or thing.kind not in _GONE:
            continue
        place, name = subject.statement_naming(last_part(thing.name)), _short(thing.name)
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
                message = f"the {thing.kind} `{_short(thing.name)}` is gone too, which the file does not name"
                yield subject.found("cascade-drops-dependents", subject.statement_naming(), message)


def _before(change: Change) -> Object:
    if change.before is None:
        raise AssertionError("what is gone was there before")
    return change.before


def _renamed(subject: Subject, altered: Altered) -> Iterator[Finding]:
    for change in altered.all("renamed"):
        if change.before is None or change.after is None or change.kind not in _RENAMED:
            continue
        if altered.is_in_renamed_schema(change.before):
            continue
        old, new = _short(change.before.name), last_part(change.after.name)
        message = f"the {change.kind} `{old}` is now called `{new}`: the running application asks for the old name"
        yield subject.found(_RENAMED[change.kind], subject.statement_naming(new), message)
    for change in altered.all("moved"):
        if (
            change.before is None
            or change.after is None
            or change.kind not in (*_RELATIONS, "type", "enum", "function")
        ):
            continue
        if altered.is_in_renamed_schema(change.before):
            continue
        message = f"the {change.kind} `{_short(change.before.name)}` is now `{change.after.name}`"
        yield subject.found("set-schema", subject.statement_naming(last_part(change.before.name)), message)
    for name, old, new in altered.renamed_labels():
        message = f"the label '{old}' of `{_short(name)}` is now '{new}': the running application uses the old one"
        yield subject.found("rename-enum-value", subject.statement_naming(last_part(name)), message)


# -- rows --------------------------------------------------------------------------------------------------------------


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
        if now is not None and now.count < before.count and _short(name) not in truncated:
            message = f"`{_short(name)}` had {before.count:,} rows, and has {now.count:,} after up"
            yield subject.found("rows-lost", subject.statement_naming(last_part(name)), message)


# -- rights ------------------------------------------------------------------------------------------------------------


def _rights(subject: Subject, altered: Altered) -> Iterator[Finding]:
    for before, after in altered.replaced():
        if before.attributes.get("acl") != after.attributes.get("acl"):
            rights = before.attributes.get("acl")
            message = f"`{_short(before.name)}` was dropped and made anew: its rights are gone ({rights})"
            yield subject.found("grants-lost", subject.statement_naming(last_part(before.name)), message)
    for change in altered.all("altered"):
        yield from _altered(subject, change)
    for change in altered.all("gone"):
        thing = _before(change)
        if thing.kind == "policy" and not altered.is_part_of_gone(thing) and not altered.is_replaced(thing):
            message = f"the policy `{last_part(thing.name)}` is gone"
            yield subject.found("policy-removed", subject.statement_naming(last_part(thing.name)), message)


def _altered(subject: Subject, change: Change) -> Iterator[Finding]:
    before, after = change.before, change.after
    if before is None or after is None:
        return
    name, place = _short(after.name), subject.statement_naming(last_part(after.name))
    if before.attributes.get("owner") != after.attributes.get("owner"):
        message = (
            f"`{name}` belongs to {after.attributes.get('owner')} now, no longer to {before.attributes.get('owner')}"
        )
        yield subject.found("owner-changed", place, message)
    if is_on(after, "rls") and not is_on(before, "rls") and not _has_policy(subject, after.name):
        message = f"row level security of `{name}` is on, and there is no policy: nobody but its owner sees a row"
        yield subject.found("rls-without-policy", place, message)
    if is_on(before, "rls") and not is_on(after, "rls"):
        yield subject.found("rls-disabled", place, f"row level security of `{name}` is off: everybody sees every row")
    if after.kind == "trigger" and before.attributes.get("enabled") != after.attributes.get("enabled") == "D":
        yield subject.found("trigger-disabled", place, f"the trigger `{last_part(name)}` no longer fires")


def _has_policy(subject: Subject, table: str) -> bool:
    after = subject.trip.after
    return after is not None and any(kind == "policy" and name.startswith(f"{table}.") for kind, name in after.objects)


# -- columns -----------------------------------------------------------------------------------------------------------


def _columns(subject: Subject, altered: Altered) -> Iterator[Finding]:
    for before, after in altered.altered_columns():
        place, name = subject.statement_naming(last_part(after.name)), _short(after.name)
        if before.default and not after.default and after.is_not_null and not after.is_identity:
            message = f"`{name}` has no default any more and takes no NULL: an INSERT without it fails"
            yield subject.found("column-default-removed", place, message)
        elif after.is_not_null and not before.is_not_null and not after.has_value:
            message = f"`{name}` takes no NULL any more and has no default: an INSERT without it fails"
            yield subject.found("new-not-null-without-default", place, message)
    for column in altered.added_to_old():
        if column.is_not_null and not column.has_value:
            yield _needed(subject, column)


def _needed(subject: Subject, column: Column) -> Finding:
    message = (
        f"the new `{_short(column.name)}` takes no NULL and has no default: an INSERT of the old application fails"
    )
    return subject.found("new-not-null-without-default", subject.statement_naming(last_part(column.name)), message)
