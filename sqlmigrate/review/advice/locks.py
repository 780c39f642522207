"""What to write instead of long work under a lock, and of locks that the text does not show."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sqlmigrate.catalog.objects import Object
from sqlmigrate.identifiers import IDENTIFIER, QUALIFIED, displayed, last_part, parts
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.review.findings.locks import changed_in_code
from sqlmigrate.review.findings.subject import MeasuredStatement

from .batches import batched, write
from .case import Case
from .draft import NOTHING_TO_UNDO, Draft, Edit, Pair
from .edited import edited, without_directive
from .indexes import concurrent
from .names import file_name, in_schema_of, made
from .parts import Part, cut, in_order, only

_SETS_LOCK_TIMEOUT = re.compile(r"set\s+(?:local\s+|session\s+)?lock_timeout\b", re.IGNORECASE)
_REFRESH = re.compile(rf"refresh\s+materialized\s+view\s+(?P<view>{QUALIFIED})(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_CASCADE = re.compile(
    rf"FOREIGN KEY \((?P<own>{IDENTIFIER})\) REFERENCES (?P<table>\S+)\((?P<key>{IDENTIFIER})\).* ON DELETE CASCADE"
)
_GROUP_BY = re.compile(r"\bGROUP BY (?P<columns>[\w.\" ,]+)")
_ALONE = "it is alone in its file, so the lock is held for an instant: there is nothing better, allow it"
ONCE = "-- sqlmigrate: allow bulk-dml (executed twice it would change rows twice, so it stays one transaction)\n"


def work_later(case: Case) -> Draft | None:
    """Do the long work in files of its own, rows in batches."""
    return cut(case, in_order(case, lambda number: _work(case, number)))


def _work(case: Case, number: int) -> Part:
    statement = case.subject.up.statements[number - 1]
    return Part(file_name(*statement.title.split()[:3]), (number,), _in_batches(case, statement, number))


def _in_batches(case: Case, statement: Statement, number: int) -> str:
    """Return the up file that writes the rows of a statement in batches, or says why it is one transaction."""
    if text := batched(case, statement):
        return text
    found = write(statement.text)
    return ONCE + only(case.subject.up, (number,)) if found and not found.can_be_repeated else ""


def in_batches_or_alone(case: Case, numbers: Sequence[int]) -> list[Part]:
    """Return statements as parts: an UPDATE or DELETE in batches in a part of its own, the others together."""
    found: list[Part] = []
    for number in numbers:
        statement = case.subject.up.statements[number - 1]
        text = _in_batches(case, statement, number)
        if text or not found or found[-1].up:
            found.append(Part(file_name(*statement.title.split()[:3]), (number,), text))
        else:
            found[-1] = Part(found[-1].name, (*found[-1].numbers, number))
    return found


def in_batches(case: Case) -> Draft | None:
    """Write the rows in batches that commit one by one."""
    found = in_batches_or_alone(case, range(1, len(case.subject.up.statements) + 1))
    return cut(case, found) if any(each.up for each in found) else None


def one_table_each(case: Case) -> Draft | None:
    """Lock one table in each file; a block that locks several cannot be cut."""
    places = [each.facts.number for each in case.statements]
    if not places or any(len(changed_in_code(each)) > 1 for each in case.statements):
        return None
    found: list[Part] = []
    last = ""
    for number, statement in enumerate(case.subject.up.statements, 1):
        table = _locked(case, number) or last
        if found and (number < places[0] or table == last):
            found[-1] = Part(found[-1].name, (*found[-1].numbers, number))
        else:
            found.append(Part(file_name(*statement.title.split()[:3]), (number,)))
        last = table
    return cut(case, found)


def _locked(case: Case, number: int) -> str:
    facts = next((each for each in case.subject.trip.up.statements if each.number == number), None)
    strongest = facts.strongest() if facts else None
    return strongest.relation.name if strongest else ""


def alone(case: Case) -> Draft | None:
    """Put the statements into files of their own, so that the lock is held for an instant; then allow it."""
    if case.has_one_statement and case.statements:
        return case.allowed(f"{' and '.join(case.names)}: locked for an instant", _ALONE)
    return cut(case, in_order(case, lambda number: _alone(case, number)))


def _alone(case: Case, number: int) -> Part:
    statement = case.subject.up.statements[number - 1]
    return Part(file_name(*statement.title.split()[:3]), (number,))


def without_lock_table(case: Case) -> Draft | None:
    """Leave the explicit lock out: statements take the locks they need."""
    return case.draft([Edit(each.facts.number) for each in case.statements])


def without_lock_timeout(case: Case) -> Draft | None:
    """Leave out what the file sets: it switches our limit off, or is so short that it cancels a build."""
    script = case.subject.up
    off = {number: "" for number, each in enumerate(script.statements, 1) if _SETS_LOCK_TIMEOUT.match(each.text)}
    up = without_directive(edited(script, off), "lock-timeout")
    return Draft(Pair("", up, case.down_text)) if up and up != script.source.text else None


def named_writes(case: Case) -> Draft | None:
    """Delete by name what ON DELETE CASCADE would delete."""
    return case.draft([edit for each in case.statements for edit in _named_deletes(case, each)])


def _named_deletes(case: Case, measured: MeasuredStatement) -> Iterator[Edit]:
    text = measured.statement.text
    found = write(text)
    if found is None or not text.lower().startswith("delete") or found.name != found.table:
        return
    deletes = []
    for child, own, key in _children(case, found.table):
        chosen = f"select {key} from {found.table}{f' where {found.where}' if found.where else ''}"
        deletes.append(f"delete from {child} where {own} in ({chosen})")
    if deletes:
        yield Edit(measured.facts.number, ";\n".join([*deletes, text]))


def _children(case: Case, table: str) -> Iterator[tuple[str, str, str]]:
    """Return the tables whose rows are deleted with those of a table: table, column, referenced column."""
    for (kind, _), each in case.before.objects.items():
        found = _CASCADE.match(each.definition) if kind == "constraint" else None
        if found and displayed(found["table"]) == displayed(table):
            yield displayed(each.table), found["own"], found["key"]


def refresh(case: Case) -> Draft | None:
    """Refresh with CONCURRENTLY, which needs a unique index."""
    return case.draft([edit for each in case.statements for edit in _refreshed(case, each)])


def _refreshed(case: Case, measured: MeasuredStatement) -> Iterator[Edit]:
    found = _REFRESH.fullmatch(measured.statement.text)
    view = case.table(found["view"]) if found else None
    if found is None or view is None:
        return
    text = f"refresh materialized view concurrently {found['view']}{found['rest']}"
    if _has_unique_index(case, view):
        yield Edit(measured.facts.number, text)
    elif columns := _grouped_by(case, view):
        name = made(view.name, "key")
        index = in_schema_of(displayed(view.name), name)
        create = f"create unique index concurrently {name} on {displayed(view.name)} ({', '.join(columns)});\n"
        later = Pair(file_name("refresh", view.name), f"{text};\n", NOTHING_TO_UNDO)
        yield Edit(measured.facts.number, "", (concurrent(create, index), later))


def _has_unique_index(case: Case, view: Object) -> bool:
    return any(
        kind == "index" and each.table == view.name and "UNIQUE" in each.definition and " WHERE " not in each.definition
        for (kind, _), each in case.after.objects.items()
    )


def _grouped_by(case: Case, view: Object) -> list[str]:
    """Return the columns that a view is grouped by, if it has them all: they are unique in it."""
    found = _GROUP_BY.search(view.attributes.get("view") or "")
    wanted = [parts(each.strip())[-1] for each in found["columns"].split(",")] if found else []
    known = [last_part(each.name) for each in case.columns(displayed(view.name))]
    return wanted if wanted and all(last_part(each) in known for each in wanted) else []
