"""What a down file has to do: undo what was measured of its up file, with the definitions of the catalog."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmigrate.catalog.objects import Change, Difference, Object
from sqlmigrate.identifiers import displayed, parent, parts

from . import alter_table, copied_back, indexes
from .batches import write
from .case import Case
from .constraints import PARTITIONED_KEYS
from .draft import Draft, Edit, Pair, sql_of
from .edited import NO_TRANSACTION
from .names import in_schema_of, made

# What drops an object of a kind, in the order in which objects of different kinds are dropped.
_DROPS = {
    "materialized view": "drop materialized view {name}", "view": "drop view {name}",
    "trigger": "drop trigger {own} on {table}", "policy": "drop policy {own} on {table}",
    "constraint": "alter table {table} drop constraint {own}", "index": "drop index {name}",
    "column": "alter table {table} drop column {own}", "table": "drop table {name}",
    "partitioned table": "drop table {name}", "foreign table": "drop foreign table {name}",
    "function": "drop function {name}", "procedure": "drop procedure {name}", "sequence": "drop sequence {name}",
    "enum": "drop type {name}", "composite type": "drop type {name}", "range": "drop type {name}",
    "domain": "drop domain {name}", "schema": "drop schema {name}", "extension": "drop extension {name}",
}  # fmt: skip
_ORDER = tuple(_DROPS)
_RENAMES = {
    "column": "alter table {table} rename column {own} to {old}", "table": "alter table {name} rename to {old}",
    "partitioned table": "alter table {name} rename to {old}", "view": "alter view {name} rename to {old}",
    "constraint": "alter table {table} rename constraint {own} to {old}", "index": "alter index {name} rename to {old}",
    "sequence": "alter sequence {name} rename to {old}", "enum": "alter type {name} rename to {old}",
    "schema": "alter schema {name} rename to {old}",
}  # fmt: skip
_WITH_ROWS = ("table", "partitioned table", "column")


def missing(case: Case) -> Draft | None:
    """Write the down file. If rows are gone, write in the up file that the migration is irreversible."""
    gone = [each.before for each in case.changes.all("gone") if each.before and each.before.kind in _WITH_ROWS]
    if gone:
        whole = [displayed(each.name) for each in gone if not case.changes.is_part_of_gone(each)]
        names = ", ".join(dict.fromkeys(whole))
        head = f"-- sqlmigrate: irreversible (the values of {names} cannot be restored)\n"
        return case.draft([Edit(0, head=head)])
    undone = _undone(case)
    is_concurrent = any(" concurrently " in each for each in undone)
    edit = Edit(0, undo=sql_of(copied_back.copies(case)), down_end=sql_of(undone), is_concurrent=is_concurrent)
    return case.draft([edit]) if undone else None


def instead(case: Case) -> Draft | None:
    """Write the down file from what the up file changed; None if a change is not of a plain kind."""
    undone = _undone(case)
    statements = [*copied_back.copies(case), *undone] if undone else []
    text = sql_of(statements)
    if " concurrently " in text and text.count(";\n") > 1:
        text = f"{NO_TRANSACTION}{text}"
    return Draft(Pair("", "", text)) if statements else None


def _undone(case: Case) -> list[str]:
    changes = [each for each in case.subject.trip.changes if not _is_part(case, each)]
    found = [(_place(each), statement) for each in changes for statement in [_undo(case, each)]]
    if any(statement is None for _, statement in found):
        return []
    return [statement for _, statement in sorted(found, key=lambda each: each[0]) if statement]


def _place(change: Change) -> tuple[int, int, int]:
    """Return what sorts the statements: new objects go first, so that their names are free; old ones come back last."""
    thing = change.before or change.after
    if thing is None or change.change not in ("new", "gone"):
        return 2 if change.change in ("renamed", "moved") else 1, 0, 0
    number = _ORDER.index(thing.kind) if thing.kind in _ORDER else 0
    return (0, number, -thing.identity.oid) if change.change == "new" else (3, -number, thing.identity.oid)


def _is_part(case: Case, change: Change) -> bool:
    """Return whether an object comes and goes with another one: a part of a new table, an index of a constraint."""
    thing = change.after if change.change == "new" else change.before
    if thing is None or change.change not in ("new", "gone"):
        return False
    changes = case.changes.all(change.change)
    same = {found.name for each in changes if (found := each.after if change.change == "new" else each.before)}
    if change.change == "new" and thing.table in same and thing.table != thing.name:
        return True
    names = (f"{thing.table}.{parts(thing.name)[-1]}", thing.attributes.get("owned by") or "")
    return (thing.kind in ("index", "sequence") and any(name in same for name in names)) or thing.kind == "enum label"


def _undo(case: Case, change: Change) -> str | None:
    """Return what undoes a change; empty for nothing, None if that is not known."""
    before, after = change.before, change.after
    if change.change == "new" and after:
        return _dropped(after)
    if change.change == "gone" and before:
        return _built(case, before) or _created(case, before)
    if change.change == "renamed" and before and after and after.kind in _RENAMES:
        return _filled(_RENAMES[after.kind], after, parts(before.name)[-1])
    if change.change == "altered" and before and after:
        return _altered_back(before, after)
    return None


def _dropped(thing: Object) -> str | None:
    return _filled(_DROPS[thing.kind], thing) if thing.kind in _DROPS else None


def _filled(text: str, thing: Object, old: str = "") -> str:
    return text.format(
        name=displayed(thing.name), own=parts(thing.name)[-1], table=displayed(parent(thing.name)), old=old
    )


def _built(case: Case, thing: Object) -> str:
    """Return what builds an index, or that of a key, without blocking writes; empty for other objects."""
    table = case.table(displayed(thing.table))
    if table is None or table.kind != "table":
        return ""
    if thing.kind == "index":
        return indexes.created(thing).removesuffix(";\n")
    if thing.kind == "constraint" and thing.definition.startswith(("UNIQUE", "PRIMARY KEY")):
        build, key = indexes.again(case, alter_table.of(displayed(thing.table)), thing)
        return f"{build}{key}" if build else ""
    return ""


def _created(case: Case, thing: Object) -> str | None:
    """Return the statement that creates an object again; None if its rows are gone as well, or it is not plain."""
    own, table = parts(thing.name)[-1], displayed(parent(thing.name))
    text = thing.definition.rstrip().removesuffix(";")
    if thing.kind in ("index", "function", "procedure", "trigger"):
        return text
    if thing.kind == "constraint":
        return f"alter table {table} add constraint {own} {text}{_unread(case, thing)}"
    if thing.kind in ("view", "materialized view"):
        query = (thing.attributes.get("view") or "").strip().removesuffix(";")
        return f"create {thing.kind} {displayed(thing.name)} as\n{query}"
    if thing.kind == "enum":
        return f"create type {displayed(thing.name)} as enum ({thing.attributes.get('labels')})"
    if thing.kind == "column":
        default = f" default {thing.attributes['default']}" if thing.attributes.get("default") else ""
        return f"alter table {table} add column {own} {thing.attributes.get('type')}{default}"
    return None


def _unread(case: Case, constraint: Object) -> str:
    """Return what spares reading the table: the constraint then holds for new rows."""
    found = case.table(displayed(constraint.table))
    is_key = constraint.is_foreign_key
    if found is None or not (is_key or constraint.definition.startswith("CHECK")):
        return ""
    is_possible = not is_key or found.kind == "table" or case.version >= PARTITIONED_KEYS
    return " not valid" if is_possible and not constraint.definition.endswith("NOT VALID") else ""


def _altered_back(before: Object, after: Object) -> str | None:
    """Return what gives an object its attributes back; None if it is more than those of a column."""
    if after.kind != "column":
        return None
    own = parts(after.name)[-1]
    was, now = before.attributes, after.attributes
    changed = {name for name in {*was, *now} if was.get(name) != now.get(name)}
    actions = []
    if "default" in changed:
        default = before.attributes.get("default")
        actions.append(f"alter column {own} set default {default}" if default else f"alter column {own} drop default")
    if "type" in changed:
        actions.append(f"alter column {own} type {before.attributes.get('type')}")
    if "not null" in changed:
        actions.append(f"alter column {own} {'set' if before.attributes.get('not null') else 'drop'} not null")
    if changed - {"default", "type", "not null", "not null validated", "storage", "collation"}:
        return None
    return f"alter table {displayed(parent(after.name))} {', '.join(actions)}" if actions else ""


def completed(case: Case) -> Draft | None:
    """Add to the down file what it has forgotten."""
    left = [each for each in case.subject.trip.left if each.matters]
    added = [statement for each in _in_order(left) for statement in [_mended(case, each)]]
    if case.down is None or not added or any(not each for each in added):
        return None
    return case.draft([Edit(0, down_end=sql_of([each for each in added if each]))])


def _in_order(left: Sequence[Difference]) -> list[Difference]:
    """Return differences in the order in which they can be mended; a column goes before its type."""
    names = {each.name for each in left if each.change == "left over"}
    whole = [each for each in left if each.change != "left over" or parent(each.name) not in names]
    return sorted(whole, key=lambda each: _ORDER.index(each.kind) if each.kind in _ORDER else 0)


def _mended(case: Case, difference: Difference) -> str | None:
    key = (difference.kind, difference.name)
    before, after = case.before.objects.get(key), case.after.objects.get(key)
    if difference.change == "left over" and after:
        return _dropped(after)
    if difference.change == "missing" and before:
        return _created(case, before)
    if difference.change == "different" and before and after:
        now = Object(after.kind, after.name, after.identity, {name: value for name, _, value in difference.attributes})
        was = Object(after.kind, after.name, after.identity, {name: value for name, value, _ in difference.attributes})
        return _altered_back(was, now)
    return None


def kept_values(case: Case) -> Draft | None:
    """Keep a copy of the values that an UPDATE changes, so that the down file can restore them."""
    if not case.has_one_statement:
        return None
    text = case.subject.up.statements[0].text
    found = write(text)
    table = case.table(found.table) if found else None
    if found is None or table is None or not found.sets or found.name != found.table or " from " in found.text.lower():
        return None
    shown = displayed(table.name)
    keys = case.primary_key(shown)
    columns = [each.partition("=")[0].strip() for each in found.sets]
    if not keys or any("(" in each for each in columns):
        return None
    copy = in_schema_of(shown, made(shown, "before", case.subject.migration.version))
    where = f" where {found.where}" if found.where else ""
    chosen = ", ".join([*keys, *columns])
    same = " and ".join(f"kept.{key} = {shown}.{key}" for key in keys)
    up = f"create table {copy} as select {chosen} from {found.table}{where};\n{text};\n"
    restored = ", ".join(f"{column} = kept.{column}" for column in columns)
    down = f"update {shown} set {restored} from {copy} as kept where {same};\ndrop table {copy};\n"
    return Draft(Pair("", up, down))
