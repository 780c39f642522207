"""Which rows an error points at: statements that delete only them, from the error's fields and the statement's text.

Where the error does not tell, or the text cannot be read, nothing is returned; then the whole table is suspected.
Each statement has `{table}` in place of the table's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlmigrate.database.session import Request, Session
from sqlmigrate.errors import StatementError
from sqlmigrate.identifiers import parts, plain, quoted
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.parsing.tokens import blanked, split_at_commas, tokens

NOT_NULL, FOREIGN_KEY, UNIQUE, CHECK = "23502", "23503", "23505", "23514"
_CAST = "22"  # the class of data exceptions
_NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)(?:\s*\.\s*(?:"(?:[^"]|"")+"|[\w$]+))*'

_CHECK = re.compile(r"\bcheck\s*(?=\()", re.IGNORECASE)
_REFERENCES = re.compile(rf"\breferences\s+(?P<parent>{_NAME})\s*(?P<columns>\([^)]*\))?", re.IGNORECASE)
_PARENT = re.compile(r'is not present in table "(.+)"\.$')
_KEY = re.compile(r"^Key (?=\()")
_TYPE = re.compile(
    rf"^\s*alter\s+(?:column\s+)?(?P<column>{_NAME})\s+(?:set\s+data\s+)?type\s+(?P<type>.+?)"
    r"(?:\s+collate\s+\S+)?(?:\s+using\s+(?P<using>.+))?\s*$",
    re.IGNORECASE | re.DOTALL,
)
_COMPUTED = re.compile(r"\b(?:generated\s+always\s+as|check)\s*(?=\()", re.IGNORECASE)
_INDEX = re.compile(
    rf"\bindex\s.*?\bon\s+(?:only\s+)?(?P<table>{_NAME})\s*(?:using\s+\w+\s*)?(?=\()", re.IGNORECASE | re.DOTALL
)
_ALTERED = re.compile(
    rf"\balter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?(?P<table>{_NAME})\s*\*?\s+(?=alter|add|drop|validate|set)",
    re.IGNORECASE,
)
_VALUE = re.compile(r"\bvalue\b", re.IGNORECASE)

# The constraint $3 of the table $2 in the schema $1: what is asked of it, its columns and those that it references.
CONSTRAINT = """\
select {asked},
       (select pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ',' order by at)
          from pg_catalog.unnest(k.conkey) with ordinality x (number, at)
          join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = x.number),
       (select pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ',' order by at)
          from pg_catalog.unnest(k.confkey) with ordinality x (number, at)
          join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = x.number)
  from pg_catalog.pg_constraint k
  join pg_catalog.pg_class c on c.oid = k.conrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = $1 and c.relname = $2 and k.conname = $3 and k.contype in ('c', 'f')"""
_CONSTRAINT = CONSTRAINT.format(
    asked="pg_catalog.pg_get_expr(k.conbin, k.conrelid), k.confrelid::pg_catalog.regclass::text"
)
_PRIMARY_KEY = """\
select pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ',' order by at)
  from pg_catalog.pg_constraint k, pg_catalog.unnest(k.conkey) with ordinality x (number, at),
       pg_catalog.pg_attribute a
 where k.contype = 'p' and k.conrelid = $1::pg_catalog.oid and a.attrelid = k.conrelid and a.attnum = x.number"""

# A row whose value does not convert raises the error here too, by an assignment as in ALTER TABLE.
_CONVERTS = """\
do $sqlmigrate$
declare place tid; made {type};
begin
    for place in select ctid from only {{table}} loop
        begin
            select {expression} into made from only {{table}} where ctid = place;
        exception when others then
            delete from only {{table}} where ctid = place;
        end;
    end loop;
end $sqlmigrate$"""


@dataclass(frozen=True)
class Table:
    """An ordinary table of the users as it is now.

    Attributes:
        oid: its OID
        name: its qualified name, quoted
        schema: its schema, plain
        plain: its name, plain
        root: the OID of the table that it is a partition of, or inherits from, over all levels; else its own
    """

    oid: int
    name: str
    schema: str
    plain: str
    root: int


@dataclass(frozen=True)
class Suspicion:
    """Rows of one table that an error points at.

    Attributes:
        root: the table, or the table that it is a partition of
        delete: a statement that deletes them, with `{table}` for the name of each of its tables
    """

    root: int
    delete: str


def suspicions(
    error: StatementError, statements: Sequence[Statement], tables: Sequence[Table], session: Session
) -> Iterator[Suspicion]:
    """Return the rows that an error points at.

    Args:
        error: The error of the last of the statements.
        statements: The statements of the file, up to the one that failed.
        tables: The tables as they are before the file.
        session: A session that sees the catalog as it is before the file.
    """
    named, state = dict(error.named), error.sqlstate or ""
    texts = [text for each in reversed(statements) for text in _texts(each)]
    found = table_of(error, tables)
    if state[:2] == _CAST:
        yield from _of_values(statements[-1], tables) if statements else ()
    if found is None:
        return
    if state == NOT_NULL and "column" in named:
        yield Suspicion(found.root, f"delete from only {{table}} where {quoted(named['column'])} is null")
    elif state == UNIQUE and (key := key_of(error)):
        yield Suspicion(found.root, _duplicates(error, key))
    elif state == FOREIGN_KEY:
        condition = _without_parent(error, texts, tables, session)
        if condition:
            yield Suspicion(found.root, f"delete from only {{table}} c where {condition}")
    elif state == CHECK:
        for condition in _checks(named, texts, session):
            yield Suspicion(found.root, f"delete from only {{table}} where not ({condition})")


def table_of(error: StatementError, tables: Sequence[Table]) -> Table | None:
    """Return the table that an error names; None if it names none, or that is not there yet."""
    named = dict(error.named)
    place = (named.get("schema"), named.get("table"))
    return next((each for each in tables if (each.schema, each.plain) == place), None)


def key_of(error: StatementError) -> str | None:
    """Return the key of a duplicate, as a list of SQL expressions: ``lower(email), shop``."""
    detail = dict(error.fields).get("detail", "")
    found = _KEY.match(detail)
    inside = balanced(detail, found.end()) if found else None
    return inside[1:-1] if inside else None


def balanced(text: str, start: int) -> str | None:
    """Return the text from an opening bracket to the one that closes it."""
    depth = 0
    for kind, at, found in tokens(text[start:]):
        if kind == "word" and found in "()":
            depth += 1 if found == "(" else -1
            if not depth:
                return text[start : start + at + 1]
    return None


def retyped_columns_of(statement: Statement) -> Iterator[tuple[str, str, str, str]]:
    """Return the table, column, new type and conversion of each column that a statement converts."""
    return (each for text in _texts(statement) for each in retyped_columns(text))


def retyped_columns(text: str) -> Iterator[tuple[str, str, str, str]]:
    """Return the table, column, new type and conversion of each column that the statements of a text convert."""
    for altered in _ALTERED.finditer(_code(text)):
        until = text.find(";", altered.end())
        for part in split_at_commas(text[altered.end() : until if until > 0 else len(text)]):
            if found := retyping(part):
                column, new_type, using = found
                yield altered["table"], column, new_type, using or column


def retyping(action: str) -> tuple[str, str, str] | None:
    """Read an action of ALTER TABLE that converts a column: the column, its new type, and what USING computes.

    Without USING that is empty. Another action gives None.
    """
    found = _TYPE.match(_code(action))
    if found is None:
        return None
    column, new_type, using = (action[slice(*found.span(each))] if found[each] else "" for each in found.groupdict())
    return column, new_type, using


def resolve(name: str, tables: Sequence[Table]) -> Table | None:
    """Return the table of a name as it is written in SQL; without a schema one of `public` goes first."""
    written = [_folded(each.strip()) for each in parts(name)]
    fitting = [each for each in tables if [each.schema, each.plain][-len(written) :] == written]
    return min(fitting, key=lambda each: each.schema != "public", default=None)


def _folded(part: str) -> str:
    return plain(part) if part.startswith('"') else part.lower()


def _code(text: str) -> str:
    return blanked(text, "comment", "string", "body")


def _texts(statement: Statement) -> list[str]:
    """Return the text of a statement, and those of the bodies in it."""
    bodies = [found for kind, _, found in tokens(statement.text) if kind == "body"]
    return [statement.text, *(body[(end := body.index("$", 1) + 1) : -end] for body in bodies)]


def _duplicates(error: StatementError, key: str) -> str:
    values = dict(error.fields).get("detail", "").partition(")=(")[2]
    columns = [*split_at_commas(key)]
    known = (
        "" if re.search(r"\bnull\b", values) else f" where {' and '.join(f'({each}) is not null' for each in columns)}"
    )
    numbered = f"select ctid, row_number() over (partition by {key}) as n from only {{table}}{known}"
    return f"delete from only {{table}} where ctid in (select ctid from ({numbered}) it where n > 1)"


def _without_parent(
    error: StatementError, texts: Sequence[str], tables: Sequence[Table], session: Session
) -> str | None:
    """Return the condition of rows of `c` without a parent."""
    named, detail = dict(error.named), dict(error.fields).get("detail", "")
    if row := _constraint(named, session):
        return without_parent(str(row[1]), str(row[2]).split(","), str(row[3]).split(","))
    key, parent_name = key_of(error), _PARENT.search(detail)
    if key is None or parent_name is None:
        return None
    columns = [quoted(part.strip().strip('"')) for part in key.split(",")]
    for text in texts:
        for found in _REFERENCES.finditer(_code(text)):
            parent = resolve(found["parent"], tables)
            if parent is None or parent.plain != parent_name[1]:
                continue
            others = (found["columns"] or "").strip("() \n").split(",") if found["columns"] else []
            others = others or (session.ask(Request(_PRIMARY_KEY, (str(parent.oid),)))[0][0][0] or "").split(",")
            if len(others) == len(columns):
                return without_parent(parent.name, columns, [each.strip() for each in others])
    return " and ".join(f"c.{each} is not null" for each in columns)


def without_parent(parent: str, columns: Sequence[str], others: Sequence[str]) -> str:
    """Return the condition that a row `c` references no row of its parent table; names are quoted as needed."""
    known = " and ".join(f"c.{each} is not null" for each in columns)
    same = " and ".join(f"p.{other} = c.{each}" for each, other in zip(columns, others, strict=True))
    return f"{known} and not exists (select from {parent} p where {same})"


def _constraint(named: Mapping[str, str], session: Session) -> list[str | None] | None:
    wanted = tuple(named.get(each, "") for each in ("schema", "table", "constraint"))
    rows = session.ask(Request(_CONSTRAINT, wanted))[0]
    return rows[0] if rows else None


def _checks(named: Mapping[str, str], texts: Sequence[str], session: Session) -> list[str]:
    """Return the conditions that the rows may violate: that of the named constraint, or else all of the statement."""
    row = _constraint(named, session)
    column = {"column": quoted(named["column"])} if "column" in named else {}
    return [row[0]] if row and row[0] else _checks_in({**named, **column}, texts)


def checks_of(named: Mapping[str, str], statement: Statement) -> list[str]:
    """Return the conditions of a statement that an error may be about: that of the named constraint, or else all."""
    return _checks_in(named, _texts(statement))


def _checks_in(named: Mapping[str, str], texts: Sequence[str]) -> list[str]:
    name = re.escape(named.get("constraint", ""))
    own = re.compile(rf'\bconstraint\s+"?{name}"?\s+check\s*(?=\()', re.IGNORECASE)
    for pattern, searched in ((own, texts if name else ()), (_CHECK, texts[:2])):
        conditions = [
            condition[1:-1]
            for text in searched
            for found in pattern.finditer(_code(text))
            if (condition := balanced(text, found.end()))
        ]
        if conditions:
            column = named.get("column")  # of a domain, whose condition says VALUE
            return [_VALUE.sub(column, each) for each in conditions] if column else conditions
    return []


def _of_values(statement: Statement, tables: Sequence[Table]) -> Iterator[Suspicion]:
    """Return the rows on which an expression of a statement fails."""
    for name, new_type, expression in expressions_of(statement):
        if table := resolve(name, tables):
            yield Suspicion(table.root, _CONVERTS.format(type=new_type, expression=expression))


def expressions_of(statement: Statement) -> Iterator[tuple[str, str, str]]:
    """Return what a statement computes from each row of a table: the table as written, the type, and the expression.

    That is the new value of a column, a generated column, a check, or the key of an index.
    """
    for text in _texts(statement):
        yield from ((table, new_type, using) for table, _, new_type, using in retyped_columns(text))
        code = _code(text)
        for altered in _ALTERED.finditer(code):
            for found in _COMPUTED.finditer(code, altered.end()):
                if expression := balanced(text, found.end()):
                    yield altered["table"], "text", expression
        for index in _INDEX.finditer(code):
            if key := balanced(text, index.end()):
                yield from ((index["table"], "text", part) for part in split_at_commas(key[1:-1]) if "(" in part)
