"""Asks a database for the targets: with a query of the user, or for its schemas."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import psycopg

from sqlmigrate.config.url import checked
from sqlmigrate.database.connect_errors import reason
from sqlmigrate.database.session import BEGIN_READ_ONLY, Request, connect
from sqlmigrate.errors import NOTHING_EXECUTED, ConfigError
from sqlmigrate.spelling import did_you_mean, nearest_pattern, suggestion

from .target import Target, completed, names_database

_OWN = ("name", "schema", "tag")
_SCHEMAS = Request("""\
select nspname::text from pg_catalog.pg_namespace
 where nspname !~ '^pg_' and nspname <> 'information_schema' order by 1""")


def schemas(base: str, patterns: Sequence[str]) -> tuple[Target, ...]:
    """Return a target for each schema of the database whose name matches a pattern, ``tenant_*``.

    Raises `ConfigError` for a pattern that no schema matches.
    """
    with connect(base) as session:
        (rows,) = session.ask(_SCHEMAS)
    names = [str(row[0]) for row in rows]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ConfigError(
                f"no schema of the database matches `{pattern}`",
                state=NOTHING_EXECUTED,
                hint=suggestion(nearest_pattern(pattern, names))
                or "`*` stands for any characters; write the pattern in quotes",
            )
    found = [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]
    return tuple(Target(name, completed(base, {}), name) for name in found)


def query(base: str, sql: str) -> tuple[Target, ...]:
    """Return a target for each row of a query, which is executed in a read-only transaction.

    Its columns are named as libpq's keywords, or `name`, `schema` and `tag`; NULL stands for the value of `base`.
    Raises `ConfigError` if the query fails, or has another column.
    """
    with connect(base) as session:
        session.ask(BEGIN_READ_ONLY)
        try:
            cursor = session.conn.execute(sql.strip().removesuffix(";"), prepare=True)  # so it is one statement only
            columns = [each.name for each in cursor.description or ()]
            rows = cursor.fetchall() if columns else []
        except psycopg.Error as error:
            raise ConfigError(f"--query: {reason(error)}", state=NOTHING_EXECUTED) from None
    _require_known(columns)
    if not rows:
        raise ConfigError("--query returned no rows, so it names no database", state=NOTHING_EXECUTED)
    return tuple(_target(base, _named(columns, row), number) for number, row in enumerate(rows, start=1))


def _named(columns: Sequence[str], row: Sequence[object]) -> dict[str, str]:
    """Return the values of a row by their columns, without those that are NULL."""
    return {name: _text(value) for name, value in zip(columns, row, strict=True) if value is not None}


def _text(value: object) -> str:
    """Return a value of a column; an array of tags as a list of them."""
    return ",".join(str(each) for each in value if each is not None) if isinstance(value, list) else str(value)


def _require_known(columns: Sequence[str]) -> None:
    known = [*_OWN, *(option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults())]
    for column in columns:
        if columns.count(column) > 1:
            raise ConfigError(
                f"--query: the column `{column}` is given twice",
                state=NOTHING_EXECUTED,
                hint="remove one of them, or name it otherwise: select … as dbname",
            )
        if column not in known:
            raise ConfigError(
                f"--query: the column `{column}` is not a keyword of libpq",
                state=NOTHING_EXECUTED,
                hint=did_you_mean(column, known) or "name it in the query: select … as dbname; or as name, schema, tag",
            )
    if not {"schema", "dbname", "host", "hostaddr", "port", "service"} & set(columns):
        raise ConfigError(
            "--query: no column names a database or a schema",
            state=NOTHING_EXECUTED,
            hint="for example: select datname as dbname from pg_database where datname like 'shop_%'",
        )


def _target(base: str, row: Mapping[str, str], number: int) -> Target:
    for column, value in row.items():
        if not value.strip() and column not in ("name", "tag"):
            raise ConfigError(
                f"--query, row {number}: `{column}` is empty",
                state=NOTHING_EXECUTED,
                hint="give it a value; NULL stands for the value of --database-url",
            )
    own = {name: value for name, value in row.items() if name not in _OWN}
    schema = row.get("schema") or None
    name = row.get("name") or ".".join(filter(None, (own.get("dbname"), schema))) or f"row {number}"
    # `{a,b}` is an array of a type that the driver does not know
    tags = tuple(tag.removeprefix("@") for tag in re.sub(r'[{}",]', " ", row.get("tag", "")).split())
    url = completed(base, own)
    checked(url, f"--query, row {number}")
    if not names_database(url):
        raise ConfigError(
            f"neither --query, row {number}, nor --database-url names the database of `{name}`",
            state=NOTHING_EXECUTED,
            hint="return it as dbname, or name it in --database-url",
        )
    return Target(name, url, schema, tags)
