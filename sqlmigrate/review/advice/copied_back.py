"""What a down file copies back before it gives a name back: the rows and values that were written since up."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmigrate.catalog.objects import TABLES, Object
from sqlmigrate.identifiers import displayed
from sqlmigrate.review.findings.schema_changes import Column
from sqlmigrate.review.findings.successors import Successor

from .case import Case
from .draft import Draft, Edit, sql_of


def before_the_swap_back(case: Case) -> Draft | None:
    """Begin the down file with statements that copy back what was written since up."""
    statements = [*copies(case)]
    return case.draft([Edit(0, undo=sql_of(statements))]) if statements else None


def copies(case: Case) -> Iterator[str]:
    """Return the statements, for the names that the objects have after up."""
    for pair in case.subject.successors:
        if not pair.is_other:
            yield from _values(pair)
        elif pair.after.kind in TABLES and pair.old and pair.old.kind in TABLES:
            yield from _rows(case, pair, pair.old)


def _rows(case: Case, pair: Successor, old: Object) -> Iterator[str]:
    """Return the INSERT of new and changed rows; none without a primary key that both tables have."""
    shown, from_ = displayed(old.name), displayed(pair.after.name)
    new = {each.object.path[-1]: each for each in case.columns(from_) if not each.is_generated}
    columns = [each for each in case.columns(shown) if each.object.path[-1] in new and not each.is_generated]
    names = [each.object.path[-1] for each in columns]
    keys = case.primary_key(shown)
    if not keys or case.primary_key(from_) != keys or not {*keys} <= {*names} or not _have_same_types(columns, new):
        return
    listed, others = ", ".join(names), [name for name in names if name not in keys]
    sets = ", ".join(f"{name} = excluded.{name}" for name in others)
    overriding = " overriding system value" if any(each.is_always_identity for each in columns) else ""
    yield (
        f"insert into {shown} ({listed}){overriding}\nselect {listed} from {from_}\n"
        f"on conflict ({', '.join(keys)}) do {f'update set {sets}' if sets else 'nothing'}"
    )


def _have_same_types(old: list[Column], new: dict[str, Column]) -> bool:
    return all(each.type == new[each.object.path[-1]].type for each in old)


def _values(pair: Successor) -> Iterator[str]:
    """Return the UPDATE of each column that another one replaces, if both have the same type."""
    table = displayed(pair.after.name)
    for before, new in pair.columns:
        old = pair.now.by_identity.get(before.identity)
        if old is None or Column(old).type != Column(new).type:
            continue
        names = old.path[-1], new.path[-1]
        yield f"update {table} set {names[0]} = {names[1]} where {names[0]} is distinct from {names[1]}"
