"""What to write instead of partitions that are created, attached, detached or dropped while others wait.

https://www.postgresql.org/docs/current/ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlmigrate.catalog.objects import Object
from sqlmigrate.identifiers import IDENTIFIER, QUALIFIED, displayed, is_same, last_part, parts
from sqlmigrate.parsing.tokens import split_at_commas
from sqlmigrate.review.findings.subject import MeasuredStatement

from . import alter_table
from .alter_table import AlterTable
from .case import Case
from .constraints import validation
from .draft import Draft, Edit, Pair
from .indexes import concurrent, created
from .names import file_name, made

_CONCURRENTLY = 14  # the first version of DETACH PARTITION CONCURRENTLY
_PARTITION_OF = re.compile(
    rf"create\s+table\s+(?:if\s+not\s+exists\s+)?(?P<table>{QUALIFIED})\s+partition\s+of\s+(?P<parent>{QUALIFIED})\s+"
    rf"(?P<bound>for\s+values\s+.+?)(?P<by>\s+partition\s+by\s+.+)?",
    re.IGNORECASE | re.DOTALL,
)
_ATTACH = re.compile(
    rf"alter\s+table\s+(?:if\s+exists\s+)?(?P<parent>{QUALIFIED})\s+attach\s+partition\s+(?P<table>{QUALIFIED})\s+"
    rf"(?P<bound>for\s+values\s+.+)",
    re.IGNORECASE | re.DOTALL,
)
_DETACH = re.compile(
    rf"(?P<head>alter\s+table\s+(?:if\s+exists\s+)?(?P<parent>{QUALIFIED})\s+detach\s+partition\s+(?P<table>{QUALIFIED}))",
    re.IGNORECASE,
)
_DROP = re.compile(
    rf"drop\s+table\s+(?:if\s+exists\s+)?(?P<tables>{QUALIFIED}(?:\s*,\s*{QUALIFIED})*)(?:\s+restrict)?", re.IGNORECASE
)
_RANGE = re.compile(r"for\s+values\s+from\s*\((?P<start>.+)\)\s*to\s*\((?P<end>.+)\)", re.IGNORECASE | re.DOTALL)
_LIST = re.compile(r"for\s+values\s+in\s*\((?P<values>.+)\)", re.IGNORECASE | re.DOTALL)
_BOUND = re.compile(r"^FOR VALUES (?:FROM|IN|WITH)|(?<=\)) TO (?=\()")
_KEY = re.compile(rf"(?P<how>RANGE|LIST) \((?P<column>{IDENTIFIER})\)")


@dataclass(frozen=True)
class Partition:
    """A partition that a statement creates or attaches.

    Attributes:
        number: the statement
        table: the partition, as it is written
        parent: the partitioned table, as it is written
        bound: its bound: ``for values from (1) to (10)``
        by: how it is partitioned itself; empty for none
        is_new: whether the statement creates it
    """

    number: int
    table: str
    parent: str
    bound: str
    by: str = ""
    is_new: bool = False


def _partition(measured: MeasuredStatement) -> Partition | None:
    text, number = measured.code, measured.facts.number
    if found := _PARTITION_OF.fullmatch(text):
        by = found["by"] or ""
        return Partition(number, found["table"], found["parent"], found["bound"], by, is_new=True)
    if found := _ATTACH.fullmatch(text):
        return Partition(number, found["table"], found["parent"], found["bound"])
    return None


def create(case: Case) -> Draft | None:
    """Create the table first and attach it, which blocks neither reads nor writes of the parent."""
    found = [partition for each in case.statements if (partition := _partition(each)) and partition.is_new]
    return case.draft([Edit(each.number, ";\n".join(_created(case, each))) for each in found])


def _created(case: Case, partition: Partition) -> list[str]:
    if not partition.is_new:
        return [_attached(partition)]
    parent = case.table(partition.parent)
    columns = case.columns(displayed(parent.name)) if parent else []
    generated = " including generated" if any(each.is_generated for each in columns) else ""
    like = f"like {partition.parent} including defaults including constraints{generated}"
    return [f"create table {partition.table} ({like}){partition.by}", _attached(partition)]


def _attached(partition: Partition) -> str:
    return f"alter table {partition.parent} attach partition {partition.table} {partition.bound}"


def attach(case: Case) -> Draft | None:
    """Prove the bound with a constraint, and build missing indexes, before the partition is attached."""
    if not case.has_one_statement:
        return None
    partition = next((found for each in case.statements if (found := _partition(each))), None)
    parent, table = (case.table(partition.parent), case.table(partition.table)) if partition else (None, None)
    if partition is None or parent is None or table is None:
        return None
    alter = alter_table.of(partition.table)
    check = _check(parent, partition.bound)
    name = made(table.name, "bound")
    first: list[Pair] = []
    ends: list[str] = []
    if check:
        added, removed = alter.having([f"add constraint {name} check ({check}) not valid"]), f"drop constraint {name}"
        first = [Pair(file_name(name), f"{added};\n", f"{alter.having([removed])};\n"), validation(alter, name)]
        ends = [alter.having([removed])]
    indexes = list(_missing_indexes(case, table))
    if not first and not indexes:
        return None
    up = ";\n".join([_attached(partition), *ends]) + ";\n"
    down = case.down_text
    if down and check:
        down = _with_proof(down, alter, f"add constraint {name} check ({check}) not valid", name)
    return Draft(Pair("", "", ""), (*first, *indexes, Pair(file_name("attach", table.name), up, down)))


def _with_proof(down: str, alter: AlterTable, added: str, name: str) -> str:
    """Return a down file that adds and validates the proof again."""
    again = f"{alter.having([added])};\n{alter.having([f'validate constraint {name}'])};\n"
    return f"-- sqlmigrate: no-transaction\n{down}{again}"


def _missing_indexes(case: Case, table: Object) -> Iterator[Pair]:
    """Return the migrations that build what ATTACH PARTITION would build: the indexes of the parent."""
    old = {each.identity for each in case.before.objects.values()}
    for (kind, _), each in case.after.objects.items():
        if kind == "index" and each.table == table.name and each.identity not in old:
            if case.constraint(displayed(table.name), parts(each.name)[-1]):
                continue  # ATTACH PARTITION needs the constraint too
            yield concurrent(created(each), displayed(each.name))


def _check(parent: Object, bound: str, *, is_outside: bool = False) -> str:
    """Return the condition for the rows of a partition, or for those of all others; empty if it is not plain."""
    key = _KEY.fullmatch(parent.attributes.get("partition key") or "")
    if key is None:
        return ""
    column = key["column"]
    within, listed = _RANGE.fullmatch(bound.strip()), _LIST.fullmatch(bound.strip())
    if within and key["how"] == "RANGE":
        ends = [(">=", "<", within["start"]), ("<", ">=", within["end"])]
        known = [(inside, outside, text.strip()) for inside, outside, text in ends if "value" not in text.lower()]
        if any(len(list(split_at_commas(text))) > 1 for _, _, text in known) or not known:
            return ""
        if is_outside:
            tests = " or ".join(f"{column} {outside} {text}" for _, outside, text in known)
            return f"{column} is not null and ({tests})"
        return " and ".join([f"{column} is not null", *(f"{column} {inside} {text}" for inside, _, text in known)])
    if listed and key["how"] == "LIST" and "null" not in listed["values"].lower():
        return f"{column} is not null and {column} {'not ' if is_outside else ''}in ({listed['values']})"
    return ""


def beside_default(case: Case) -> Draft | None:
    """Prove with a constraint that the default partition has no row of the new one."""
    partition = next((found for each in case.statements if (found := _partition(each))), None)
    parent = case.table(partition.parent) if partition else None
    default = _default(case, parent) if parent else None
    if partition is None or parent is None or default is None:
        return None
    check = _check(parent, partition.bound, is_outside=True)
    alter = alter_table.of(displayed(default.name))
    if not check:
        return None
    name = made(default.name, partition.table, "bound")
    added = alter.having([f"add constraint {name} check ({check}) not valid"])
    removed = alter.having([f"drop constraint {name}"])
    proof = Pair(file_name(name), f"{added};\n", f"{removed};\n")
    own = Edit(partition.number, ";\n".join([*_created(case, partition), removed]))
    rest = case.draft([own])
    if rest is None:
        return None
    adds = f"add constraint {name} check ({check}) not valid"
    down = _with_proof(rest.own.down, alter, adds, name) if rest.own.down else ""
    last = Pair(file_name("add", partition.table), rest.own.up, down)
    before = f"first move the rows of {displayed(default.name)} that belong to {partition.table}, if there are some"
    return Draft(Pair("", "", ""), (proof, validation(alter, name), last), (before,))


def _default(case: Case, parent: Object) -> Object | None:
    found = (each for each in case.before.tables.values() if each.attributes.get("partition bound") == "DEFAULT")
    own = (each for each in found if is_same(each.attributes.get("parents") or "", parent.name))
    return next(own, None)


def detach(case: Case) -> Draft | None:
    """Detach with CONCURRENTLY, in a file of its own."""
    return case.draft([edit for each in case.statements for edit in _detached(case, each)])


def _detached(case: Case, measured: MeasuredStatement) -> Iterator[Edit]:
    found = _DETACH.fullmatch(measured.code)
    parent = case.table(found["parent"]) if found else None
    if found and parent and _can_detach(case, parent):
        yield Edit(measured.facts.number, "", (_detaching(case, parent, found["table"]),), (found["table"],))


def _can_detach(case: Case, parent: Object) -> bool:
    """Return whether PostgreSQL accepts CONCURRENTLY: not in old versions, nor if there is a default partition."""
    return case.version >= _CONCURRENTLY and _default(case, parent) is None


def _detaching(case: Case, parent: Object, table: str) -> Pair:
    old = case.before.tables.get(case.full(table))
    bound = _BOUND.sub(lambda found: found[0].lower(), (old.attributes.get("partition bound") or "") if old else "")
    shown = displayed(parent.name)
    key = _KEY.fullmatch(parent.attributes.get("partition key") or "")
    name = made(table, last_part(key["column"]), "check") if key else ""
    left = f"alter table {table} drop constraint if exists {name}; -- DETACH has left it\n" if name else ""
    return Pair(
        file_name("detach", table),
        f"alter table {shown} detach partition {table} concurrently;\n",
        f"alter table {shown} attach partition {table} {bound};\n{left}",
    )


def drop(case: Case) -> Draft | None:
    """Detach the partition with CONCURRENTLY first, then drop it, each in a file of its own."""
    return case.draft([edit for each in case.statements for edit in _dropped(case, each)])


def _dropped(case: Case, measured: MeasuredStatement) -> Iterator[Edit]:
    found = _DROP.fullmatch(measured.code)
    if found is None:
        return
    names = [each.strip() for each in found["tables"].split(",")]
    pairs = []
    for name in names:
        old = case.before.tables.get(case.full(name))
        parent = case.before.tables.get(case.full(displayed((old.attributes.get("parents") or "") if old else "")))
        if old is None or parent is None or not old.attributes.get("partition bound") or not _can_detach(case, parent):
            return
        pairs.append(_detaching(case, parent, name))
    reason = case.subject.up.irreversible
    head = f"-- sqlmigrate: irreversible ({reason})\n" if reason else ""
    pairs.append(Pair(file_name("drop", names[0]), f"{head}{measured.statement.text};\n", case.down_text))
    yield Edit(measured.facts.number, "", tuple(pairs), tuple(names))
