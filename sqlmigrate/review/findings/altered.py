"""Findings of objects that remain but work differently: owners, row level security, triggers, columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqlmigrate.catalog.objects import Change, Object
from sqlmigrate.identifiers import displayed, last_part, parent
from sqlmigrate.review.rules import altered, replaced
from sqlmigrate.review.rules.rule import Finding

from .definitions import rule_of_check
from .schema_changes import Column, SchemaChanges, is_on
from .subject import Subject


def find(subject: Subject, changes: SchemaChanges) -> Iterator[Finding]:
    """Return these findings of an up file."""
    for change in changes.all("altered"):
        yield from _altered(subject, change)
    for change in changes.all("gone"):
        policy = change.before
        if policy is None or policy.kind != "policy":
            continue
        if not changes.is_part_of_gone(policy) and not changes.is_replaced(policy) and not _is_equal(subject, policy):
            message = f"the policy `{last_part(policy.name)}` is dropped"
            yield subject.finding(altered.POLICY_REMOVED, subject.place_of(change), message)
    yield from _columns(subject, changes)


def _altered(subject: Subject, change: Change) -> Iterator[Finding]:
    before, after = change.before, change.after
    if before is None or after is None:
        return
    name = displayed(after.name)
    owner, old_owner = after.attributes.get("owner"), before.attributes.get("owner")
    follows_table = after.kind == "sequence" and after.table != after.name
    if owner != old_owner and not follows_table:
        message = f"the owner of `{name}` is now `{owner}`, no longer `{old_owner}`"
        yield subject.finding(altered.OWNER_CHANGED, subject.place_of(change, "owner"), message)
    if is_on(after, "rls") and not is_on(before, "rls") and not _has_policy(subject, after.name):
        message = f"row level security of `{name}` is enabled without a policy: only the owner sees rows"
        yield subject.finding(altered.RLS_WITHOUT_POLICY, subject.place_of(change, "rls"), message)
    if is_on(before, "rls") and not is_on(after, "rls"):
        message = f"row level security of `{name}` is disabled: every role that may read it sees all rows"
        yield subject.finding(altered.RLS_DISABLED, subject.place_of(change, "rls"), message)
    if after.kind == "trigger" and before.attributes.get("enabled") != after.attributes.get("enabled") == "disabled":
        message = f"the trigger `{last_part(name)}` no longer fires"
        yield subject.finding(altered.TRIGGER_DISABLED, subject.place_of(change, "enabled"), message)


def _is_equal(subject: Subject, policy: Object) -> bool:
    """Return whether the table has a new policy that is the same, except for its name."""
    before = subject.trip.before.objects
    objects = subject.trip.after.objects if subject.trip.after else {}
    new = (each for key, each in objects.items() if each.kind == "policy" and key not in before)
    return any(each.table == policy.table and each.attributes == policy.attributes for each in new)


def _has_policy(subject: Subject, table: str) -> bool:
    after = subject.trip.after
    return after is not None and any(kind == "policy" and parent(name) == table for kind, name in after.objects)


def _columns(subject: Subject, changes: SchemaChanges) -> Iterator[Finding]:
    for before, after in changes.altered_columns():
        change, name = Change("column", before.object, after.object, "altered"), displayed(after.name)
        if before.has_value and not after.has_value and not subject.is_set_by_trigger(after.object):
            message = f"`{name}` is {_without_value(before)}{', and is NOT NULL' if after.is_not_null else ''}"
            message += f": an INSERT without it {'fails' if after.is_not_null else 'writes NULL'}"
            lost = "default" if before.default else "generated" if before.is_generated else "identity"
            finding = subject.finding(altered.COLUMN_DEFAULT_REMOVED, subject.place_of(change, lost), message)
            yield finding if after.is_not_null else replace(finding, severity="warning")
        elif after.is_not_null and not before.is_not_null and not after.has_value:
            if before.is_proven_not_null(subject.trip.before) or subject.is_set_by_trigger(after.object):
                continue
            message = f"`{name}` is now NOT NULL, without a default: an INSERT without it fails"
            place = subject.place_of(change, "not null")
            finding = subject.finding(altered.NEW_NOT_NULL_WITHOUT_DEFAULT, place, message)
            yield replace(finding, severity="warning")  # the running application may set it always
        elif after.is_always_identity and not before.is_always_identity:
            message = f"`{name}` is GENERATED ALWAYS now: an INSERT with a value for it fails"
            place = subject.place_of(change, "identity")
            yield replace(subject.finding(replaced.COLUMN_NOT_WRITABLE, place, message), severity="warning")
    yield from _refusing_checks(subject)
    for change, column in _required(subject):
        message = f"the new column `{displayed(column.name)}` is NOT NULL, without a default"
        message += ": an INSERT of the running application fails"
        place = subject.place_of_last(column.object, "not null", "default") or subject.place_of(change)
        yield subject.finding(altered.NEW_NOT_NULL_WITHOUT_DEFAULT, place, message)


def _refusing_checks(subject: Subject) -> Iterator[Finding]:
    """Return the findings of new CHECK constraints that refuse NULL in columns which an INSERT may leave out."""
    before = subject.trip.before
    known = subject.trip.base.by_identity if subject.trip.base else before.by_identity
    now = subject.trip.after.by_identity if subject.trip.after else {}
    for refused in subject.trip.refused_nulls:
        check, place = refused.check, subject.place_of(Change("constraint", None, refused.check, "new"))
        if _is_known(subject, check):
            continue
        if not refused.columns:
            message = (
                f"the CHECK `{last_part(check.name)}` refuses NULL in the domain `{displayed(parent(check.name))}`"
            )
            message += ": statements that set such a column to NULL fail"
            yield replace(subject.finding(altered.NEW_NOT_NULL_WITHOUT_DEFAULT, place, message), severity="warning")
            continue
        columns = [each for number in refused.columns if (each := now.get(check.whole._replace(sub=number)))]
        if any(subject.is_set_by_trigger(each) or Column(each).is_proven_not_null(before) for each in columns):
            continue
        names = " and ".join(f"`{displayed(each.name)}`" for each in columns)
        message = f"the CHECK `{last_part(check.name)}` refuses a row without {names}: an INSERT that leaves"
        message += f" {'it' if len(columns) == 1 else 'them'} out fails"
        found = subject.finding(altered.NEW_NOT_NULL_WITHOUT_DEFAULT, place, message)
        is_unknown = all(each.identity not in known for each in columns)  # the running application sets none of them
        yield replace(found, severity="danger" if is_unknown else "warning", about=displayed(columns[0].name))


def _is_known(subject: Subject, check: Object) -> bool:
    """Return whether an equal CHECK was there before the file."""
    return any(
        each.kind == check.kind and each.whole == check.whole
        and rule_of_check(each.definition) == rule_of_check(check.definition)
        for each in subject.trip.before.objects.values()
    )  # fmt: skip


def _without_value(before: Column) -> str:
    """Describe what a column no longer has."""
    if before.is_generated:
        return "no longer generated"
    return "no longer an identity column" if before.is_identity else "without a default now"


def _required(subject: Subject) -> Iterator[tuple[Change, Column]]:
    """Return the columns of old tables that are new, and that an INSERT must set since this file.

    An earlier new file may have added the column, with a default that this file drops. If it added a CHECK that refuses
    NULL, the INSERT failed before already.
    """
    base = subject.trip.base
    for change in subject.changes("column", "new", "altered"):
        if change.after is None or not subject.is_old(change.after.identity.oid):
            continue
        is_new = change.before is None or (base is not None and change.after.identity not in base.identities)
        after, before = Column(change.after), Column(change.before) if change.before else None
        was_required = before is not None and not before.has_value and _refuses_null(before, subject)
        is_required = after.is_not_null and not after.has_value and not subject.is_set_by_trigger(after.object)
        if is_new and is_required and not was_required:
            yield change, after


def _refuses_null(column: Column, subject: Subject) -> bool:
    return column.is_not_null or column.is_proven_not_null(subject.trip.before)
