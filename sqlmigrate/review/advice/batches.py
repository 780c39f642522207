"""Writes many rows in batches that commit one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlmigrate.identifiers import IDENTIFIER, QUALIFIED, displayed, last_part
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.parsing.tokens import blanked, split_at_commas

from .alter_table import top_words
from .case import Case

_ROWS = 5000
_WHOLE_NUMBERS = ("smallint", "integer", "bigint")
_WRITES = re.compile(
    rf"(?:update\s+(?:only\s+)?|delete\s+from\s+(?:only\s+)?)(?P<table>{QUALIFIED})(?:\s+as)?"
    rf"(?:\s+(?!set\b|using\b|where\b)(?P<alias>{IDENTIFIER}))?\s*(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_KEEPS = re.compile(r"\s*(?:lower|upper|initcap|b?trim|round|coalesce|nullif)\s*\(", re.IGNORECASE)  # twice is once

HEAD = f"-- sqlmigrate: allow commits-inside (batches of {_ROWS} rows)\n-- sqlmigrate: no-transaction\n"


@dataclass(frozen=True)
class Write:
    """An UPDATE or DELETE.

    Attributes:
        table: the table, as it is written
        name: how its columns are qualified: its alias, or its name
        text: the statement up to its WHERE
        where: the condition; empty for none
        sets: the assignments of an UPDATE
    """

    table: str
    name: str
    text: str
    where: str
    sets: tuple[str, ...]

    @property
    def can_be_repeated(self) -> bool:
        """Whether a second execution for the same row changes nothing more: no column is computed from itself."""
        for each in self.sets:
            column, _, value = each.partition("=")
            if last_part(column.strip()) in re.findall(r"\w+", value) and not _KEEPS.match(value):
                return False
        return True


def write(text: str) -> Write | None:
    """Read an UPDATE or DELETE; return None for another statement, and for one that returns rows."""
    text = blanked(text, "comment").strip()
    found = _WRITES.fullmatch(text)
    if found is None:
        return None
    words = {word.lower(): offset for offset, word in top_words(text)}
    if "returning" in words or re.search(r"\bwhere\s+current\s+of\b", text, re.IGNORECASE):
        return None
    end = words.get("where", len(text))
    assigned = text[words["set"] + 3 : words.get("from", end)] if "set" in words else ""
    sets = tuple(split_at_commas(assigned)) if assigned else ()
    return Write(found["table"], found["alias"] or found["table"], text[:end].rstrip(), text[end + 5 :].strip(), sets)


def batched(case: Case, statement: Statement) -> str:
    """Return an up file that does the same as an UPDATE or DELETE, in batches; empty if none can be written."""
    made = write(statement.text)
    if made is None or not made.can_be_repeated:
        return ""
    table = case.table(made.table)
    return "".join(_by_key(case, displayed(table.name), made)) if table else ""


def filled(case: Case, table: str, column: str, value: str, missing: str) -> str:
    """Return an up file that gives a column its values, in batches.

    Args:
        case: The case.
        table: The table, as messages show it.
        column: The column, as SQL.
        value: The new value, as SQL.
        missing: The condition for the rows that lack it.
    """
    made = Write(table, table, f"update {table} set {column} = {value}", missing, (f"{column} = {value}",))
    return "".join(_by_key(case, table, made)) or _until_none(table, made)


def _by_key(case: Case, table: str, made: Write) -> Iterator[str]:
    key = next(_keys(case, table), None)
    if key is None:
        return
    column, kind = key
    name = f"{made.name}.{column}" if made.name != made.table or re.search(r"\b(from|using)\b", made.text) else column
    if kind in _WHOLE_NUMBERS:
        yield _LOOP_NUMBERS.format(head=HEAD, key=column, table=table, rows=_ROWS, write=_indented(
            made, f"{name} >= batch_start and {name} < batch_start + {_ROWS}"
        ))  # fmt: skip
    else:
        yield _LOOP_KEYS.format(head=HEAD, key=column, kind=kind, table=table, rows=_ROWS, write=_indented(
            made, f"{name} = any(batch)"
        ))  # fmt: skip


def _keys(case: Case, table: str) -> Iterator[tuple[str, str]]:
    """Return the column of the primary key, and its type, if it is one column."""
    types = {column.object.path[-1]: column.type for column in case.columns(table)}
    keys = case.primary_key(table)
    if len(keys) == 1 and keys[0] in types:
        yield keys[0], types[keys[0]]


def _indented(made: Write, batch: str) -> str:
    condition = f"({made.where}) and {batch}" if re.search(r"\bor\b", made.where, re.IGNORECASE) else made.where
    condition = condition if condition.endswith(batch) else f"{condition} and {batch}" if condition else batch
    lines = [*made.text.splitlines(), f" where {condition}"]
    return "\n".join(f"        {line}" for line in lines)


def _until_none(table: str, made: Write) -> str:
    return _LOOP_NONE.format(head=HEAD, table=table, where=made.where, rows=_ROWS, write=made.text)


_LOOP_NUMBERS = """\
{head}do $batches$
declare
    batch_start bigint := (select min({key}) from {table});
    batch_end bigint := (select max({key}) from {table});
begin
    while batch_start <= batch_end loop
{write};
        commit;
        batch_start := batch_start + {rows};
    end loop;
end
$batches$;
"""
_LOOP_KEYS = """\
{head}do $batches$
declare
    batch {kind}[];
begin
    for batch in
        select array_agg({key})
          from (select {key}, (row_number() over (order by {key}) - 1) / {rows} as number from {table}) as numbered
         group by number
         order by number
    loop
{write};
        commit;
    end loop;
end
$batches$;
"""
_LOOP_NONE = """\
{head}do $batches$
begin
    loop
        {write}
         where ctid in (select ctid from {table} where {where} limit {rows});
        exit when not found;
        commit;
    end loop;
end
$batches$;
"""
