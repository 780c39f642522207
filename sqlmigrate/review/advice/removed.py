"""What to write instead of objects that are dropped or renamed while the running application still uses them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlmigrate.catalog.objects import TABLES, Object
from sqlmigrate.identifiers import displayed, is_same, last_part, parent, parts
from sqlmigrate.parsing.tokens import with_replaced
from sqlmigrate.review.findings.subject import MeasuredStatement

from . import alter_table
from .batches import filled, write
from .case import Case
from .constraints import required
from .draft import NOTHING_TO_UNDO, Draft, Edit, Pair, sql_of
from .edited import BEFORE_COMMENTS
from .names import file_name, in_schema_of, made
from .rewrites import kept_by_trigger, without_trigger
from .rights import granted

_SECURITY_INVOKER = 15  # the first version with the option of views
_CASCADE = re.compile(r"\s+cascade\b", re.IGNORECASE)
_USED_NO_MORE = "no release uses it any more"
_FIRST = "first release an application that does not use it; then execute this file"
_DROPS = {
    "view": "drop view", "materialized view": "drop materialized view", "table": "drop table",
    "function": "drop function", "procedure": "drop procedure", "sequence": "drop sequence", "type": "drop type",
    "enum": "drop type", "domain": "drop domain",
}  # fmt: skip


def when_unused(case: Case) -> Draft | None:
    """Allow it when no release uses the object any more."""
    return case.allowed(_USED_NO_MORE, _FIRST)


def drop_column(case: Case) -> Draft | None:
    """Let INSERT omit the column first, and drop it when no release uses it any more."""
    required_ones: list[tuple[str, str]] = []
    for name in case.names:
        column = _old_column(case, name)
        if column and column.attributes.get("not null") and not column.attributes.get("default"):
            required_ones.append((displayed(parent(column.name)), column.path[-1]))
    if not required_ones:
        return when_unused(case)
    draft = when_unused(case)
    if draft is None:
        return None
    nullable = "".join(f"alter table {table} alter column {column} drop not null;\n" for table, column in required_ones)
    why = "-- sqlmigrate: irreversible (rows without a value may exist by then)\n"
    return Draft(
        Pair("", "", ""),
        (
            Pair(file_name(*required_ones[0], "nullable"), f"-- INSERT may omit it from now on\n{why}{nullable}"),
            Pair(file_name("drop", *required_ones[0]), draft.own.up, draft.own.down),
        ),
        ("between the two files, release an application that does not use it",),
    )


def _old_column(case: Case, name: str) -> Object | None:
    found = (case.before.objects.get(("column", full)) for full in (name, f"public.{name}"))
    return next((each for each in found if each), None)


def renamed_table(case: Case) -> Draft | None:
    """Leave an updatable view under the old name until no release uses it."""
    edits, later = [], []
    for change in case.moved("table", "partitioned table", "foreign table"):
        number = case.number_of(change)
        if change.before is None or change.after is None or number is None:
            continue
        old, new = displayed(change.before.name), displayed(change.after.name)
        view = "\n".join(_view(case, change.before, old, new))
        text = case.subject.up.statements[number - 1].text
        edits.append(Edit(number, f"{text};\n{view}", undo=f"drop view {old};\n"))
        later.append(_without_view(case, change.before, old, new))
    if not edits:
        return None
    draft = case.draft(edits)
    return Draft(draft.own, tuple(later)) if draft else None


def _view(case: Case, table: Object, old: str, new: str) -> Iterator[str]:
    has_rls = table.attributes.get("rls") and case.version >= _SECURITY_INVOKER
    invoker = " with (security_invoker = true)" if has_rls else ""
    yield f"create view {old}{invoker} as select * from {new};"
    yield from granted(table, "", old)


def _without_view(case: Case, table: Object, old: str, new: str) -> Pair:
    later = "-- in a later pull request, when no release uses the old name; then allow drop-view\n"
    down = "\n".join(_view(case, table, old, new))
    return Pair(file_name("drop", "view", old), f"{later}drop view {old};\n", f"{down}\n")


def renamed_column(case: Case) -> Draft | None:
    """Add a second column, keep both equal with a trigger, and drop the old one when no release uses it."""
    changes = [each for each in case.moved("column") if each.before and each.after]
    if len(changes) != 1 or not case.has_one_statement:
        return None
    before, after = changes[0].before, changes[0].after
    if before is None or after is None or before.table != after.table:
        return None
    table, old, new = displayed(before.table), before.path[-1], after.path[-1]
    found = case.before.tables.get(before.table)
    if found is None or found.kind not in TABLES:
        return None
    alter, trigger = alter_table.of(table), made(table, old, new)
    add = [
        f"alter table {table} add column {new} {before.attributes.get('type')}",
        *kept_by_trigger(table, trigger, _both_ways(old, new)),
    ]
    remove = [*without_trigger(table, trigger), f"alter table {table} drop column {new}"]
    fill = filled(case, table, new, old, f"{new} is distinct from {old}")
    proofs = required(case, alter, table, [new]) if before.attributes.get("not null") else ()
    why = "-- sqlmigrate: irreversible (the old column is gone)\n"
    allow = f"-- sqlmigrate: allow drop-column ({_USED_NO_MORE})\n"
    drop = [*without_trigger(table, trigger), f"{allow}alter table {table} drop column {old}"]
    return Draft(
        Pair("", sql_of(add), sql_of(remove)),
        (
            Pair(file_name("fill", table, new), fill, NOTHING_TO_UNDO),
            *proofs,
            Pair(file_name("drop", table, old), f"{why}{sql_of(drop)}"),
        ),
        tuple(_uses(case, before, new)),
    )


def _both_ways(old: str, new: str) -> str:
    return (
        f"if tg_op = 'INSERT' then\n"
        f"        new.{new} := coalesce(new.{new}, new.{old});\n"
        f"        new.{old} := new.{new};\n"
        f"    elsif new.{new} is distinct from old.{new} then\n"
        f"        new.{old} := new.{new};\n"
        f"    else\n"
        f"        new.{new} := new.{old};\n"
        f"    end if;"
    )


def _uses(case: Case, column: Object, new: str) -> Iterator[str]:
    """Say which indexes and constraints of the old column the new one needs as well."""
    word = re.compile(rf"(?<![\w$]){re.escape(last_part(column.name))}(?![\w$])")
    found = [
        parts(each.name)[-1]
        for (kind, _), each in case.before.objects.items()
        if kind in ("index", "constraint") and each.table == column.table and word.search(each.definition)
    ]
    if found:
        names = ", ".join(sorted(set(found)))
        yield f"before the last file, build for {new} what {last_part(column.name)} has: {names}"
    yield "release an application that uses the new column before the last file"


def second_label(case: Case) -> Draft | None:
    """Add a second label, and rewrite the rows when every release knows both."""
    changes = [each for each in case.subject.changes("enum label", "renamed") if each.before and each.after]
    if len(changes) != 1 or not case.has_one_statement:
        return None
    before, after = changes[0].before, changes[0].after
    if before is None or after is None:
        return None
    kind, old, new = displayed(parent(before.name)), parts(before.name)[-1], parts(after.name)[-1]
    pairs = []
    for (sort, _), each in case.before.objects.items():
        table = case.before.tables.get(each.table)
        if sort == "column" and table and table.kind == "table" and is_same(each.attributes.get("type") or "", kind):
            shown, column = displayed(each.table), each.path[-1]
            text = filled(case, shown, column, new, f"{column} = {old}")
            back = f"update {shown} set {column} = {old} where {column} = {new};\n"
            pairs.append(Pair(file_name("use", shown, column), text, back))
    why = "-- sqlmigrate: irreversible (PostgreSQL cannot drop the label of an enum)\n"
    add = f"{why}alter type {kind} add value {new} after {old};\n"
    before_all = ("the second label first; the others when every running release knows both",)
    return Draft(Pair("", add), tuple(pairs), before_all)


def second_schema(case: Case) -> Draft | None:
    """Create the new schema with views of the tables, until no release uses the old name."""
    changes = [each for each in case.subject.changes("schema", "renamed") if each.before and each.after]
    if len(changes) != 1 or not case.has_one_statement:
        return None
    before, after = changes[0].before, changes[0].after
    if before is None or after is None:
        return None
    old, new = before.name, after.name
    tables = [each for each in case.before.tables.values() if each.path[0] == old and each.kind != "composite type"]
    views: list[str] = []
    for each in sorted(tables, key=lambda each: each.name):
        if not each.attributes.get("partition bound"):
            views += _view(case, each, f"{new}.{each.path[-1]}", each.name)
    up = "\n".join([f"create schema {new};", *granted(before, "schema", new), *views, ""])
    made_views = [line.split()[2] for line in views if line.startswith("create view")]
    down = "".join(f"drop view {view};\n" for view in reversed(made_views))
    said = "functions, types and sequences stay in the old schema; move them when no release uses its name"
    return Draft(Pair("", up, f"{down}drop schema {new};\n"), (), (said,))


def named_drops(case: Case) -> Draft | None:
    """Name each object that is dropped, without CASCADE."""
    return case.draft(
        [edit for each in case.statements for edit in _named(case, each)],
        "each object that the file names then is a finding of its own: make sure that no release uses it",
    )


def _named(case: Case, measured: MeasuredStatement) -> Iterator[Edit]:
    text = measured.statement.text
    gone = [each.before for each in case.changes.all("gone") if each.before]
    names = {each.name for each in gone}
    whole = [each for each in gone if each.table not in names or each.table == each.name]
    others = [each for each in whole if not measured.names(each.name) and not case.changes.is_part_of_gone(each)]
    drops = []
    for each in sorted(others, key=lambda each: -each.identity.oid):
        if each.kind in _DROPS:
            drops.append(f"{_DROPS[each.kind]} {displayed(each.name)}")
        elif each.kind == "constraint":
            drops.append(f"alter table {displayed(each.table)} drop constraint {each.path[-1]}")
    without = with_replaced(text, _CASCADE, "", "string", "body")
    if drops and without != text:
        first = "".join(f"{each};\n" for each in drops)
        yield Edit(measured.facts.number, f"{first}{BEFORE_COMMENTS}{without}")


def kept_rows(case: Case) -> Draft | None:
    """Keep a copy of the rows that are deleted, so that the down file can restore them."""
    if not case.has_one_statement:
        return None
    text = case.subject.up.statements[0].text
    found = write(text)
    table = case.table(found.table) if found else None
    if found is None or table is None or not re.match(r"delete\b(?!.*\busing\b)", text, re.IGNORECASE | re.DOTALL):
        return None
    shown = displayed(table.name)
    copy = in_schema_of(shown, made(shown, "before", case.subject.migration.version))
    columns = ", ".join(each.object.path[-1] for each in case.columns(shown) if not each.is_generated)
    always = " overriding system value" if any(each.is_identity for each in case.columns(shown)) else ""
    alias = f" {found.name}" if found.name != found.table else ""
    where = f" where {found.where}" if found.where else ""
    allow = f"-- sqlmigrate: allow rows-lost (kept in {copy})\n"
    up = f"create table {copy} as select * from {found.table}{alias}{where};\n{allow}{text};\n"
    down = f"insert into {shown} ({columns}){always} select {columns} from {copy};\ndrop table {copy};\n"
    return Draft(Pair("", up, down))
