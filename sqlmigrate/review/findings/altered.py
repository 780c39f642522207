"""Findings of objects that remain but work differently: rights, owners, row level security, triggers, columns."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmigrate.catalog.objects import Change, Object
from sqlmigrate.identifiers import displayed, last_part, parent
from sqlmigrate.review.rules import altered
from sqlmigrate.review.rules.rule import Finding

from .schema_changes import SchemaChanges, is_on
from .subject import Subject

# https://www.postgresql.org/docs/current/ddl-priv.html#PRIVILEGE-ABBREVS-TABLE
_RIGHTS = {
    "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "D": "TRUNCATE", "x": "REFERENCES", "t": "TRIGGER",
    "m": "MAINTAIN", "X": "EXECUTE", "U": "USAGE", "C": "CREATE",
}  # fmt: skip


def find(subject: Subject, changes: SchemaChanges) -> Iterator[Finding]:
    """Return these findings of an up file."""
    for before, after in changes.replaced():
        if lost := [*_lost_rights(before, after)]:
            message = f"`{displayed(before.name)}` was dropped and created again: {', '.join(lost)}"
            place = subject.place_of(Change(after.kind, None, after, "new"))
            yield subject.finding(altered.GRANTS_LOST, place, message)
    for change in changes.all("altered"):
        yield from _altered(subject, change)
    for change in changes.all("gone"):
        policy = change.before
        if policy is None or policy.kind != "policy":
            continue
        if not changes.is_part_of_gone(policy) and not changes.is_replaced(policy):
            message = f"the policy `{last_part(policy.name)}` is dropped"
            yield subject.finding(altered.POLICY_REMOVED, subject.place_of(change), message)
    yield from _columns(subject, changes)


def _lost_rights(before: Object, after: Object) -> Iterator[str]:
    """Describe which roles other than the owner lost which rights."""
    now = dict(grants(after.attributes.get("acl") or ""))
    for grantee, rights in grants(before.attributes.get("acl") or ""):
        lost = [_RIGHTS.get(each, each) for each in rights if each not in now.get(grantee, "") and each != "*"]
        if lost and grantee != before.attributes.get("owner"):
            yield f"{f'`{grantee}`' if grantee else 'PUBLIC'} has lost {', '.join(lost)}"


def grants(acl: str) -> Iterator[tuple[str, str]]:
    """Read rights as PostgreSQL writes them, ``reporting=r/owner``: the role and its letters; PUBLIC has no name."""
    for item in acl.split(" "):
        grantee, is_grant, rights = item.partition("/")[0].rpartition("=")
        if is_grant:
            yield grantee.strip('"'), rights


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


def _has_policy(subject: Subject, table: str) -> bool:
    after = subject.trip.after
    return after is not None and any(kind == "policy" and parent(name) == table for kind, name in after.objects)


def _columns(subject: Subject, changes: SchemaChanges) -> Iterator[Finding]:
    for before, after in changes.altered_columns():
        change, name = Change("column", before.object, after.object, "altered"), displayed(after.name)
        if before.default and not after.default and after.is_not_null and not after.is_identity:
            message = f"`{name}` is NOT NULL and has no default any more: an INSERT without it fails"
            yield subject.finding(altered.COLUMN_DEFAULT_REMOVED, subject.place_of(change, "default"), message)
        elif after.is_not_null and not before.is_not_null and not after.has_value:
            if before.is_proven_not_null(subject.trip.before):
                continue
            message = f"`{name}` is now NOT NULL and has no default: an INSERT without it fails"
            place = subject.place_of(change, "not null")
            yield subject.finding(altered.NEW_NOT_NULL_WITHOUT_DEFAULT, place, message)
    for column in changes.added_to_old():
        if column.is_not_null and not column.has_value and subject.is_old(column.object.identity.oid):
            message = f"the new column `{displayed(column.name)}` is NOT NULL and has no default"
            message += ": an INSERT of the running application fails"
            place = subject.place_of(Change("column", None, column.object, "new"))
            yield subject.finding(altered.NEW_NOT_NULL_WITHOUT_DEFAULT, place, message)
