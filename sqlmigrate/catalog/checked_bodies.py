"""Checks a body in PL/pgSQL with the extension plpgsql_check, where the server has it.

It follows records through cursors, and compares what is returned with the result: planning each query finds neither
(https://github.com/okbob/plpgsql_check). What it says of dynamic SQL is left out: functions use it to look first
whether a column exists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import psycopg

from sqlmigrate.database.session import Request, Session

from .body_causes import Failure

_MAY_BE_DYNAMIC = re.compile("EXECUTE|RETURN QUERY|OPEN")  # if they are not, planning has found the error
Checker = Callable[[], AbstractContextManager[tuple[Session, str] | None]]
"""What provides a session of the role that executes migrations, and the schema of the extension; None without it."""


def failures(session: Session, schema: str, record: Mapping[str, Any], row: str, limit: str) -> list[Failure]:
    """Return the errors that the extension finds in a body; none if it cannot check it. All it does is rolled back.

    Args:
        session: A session of the role that executes migrations.
        schema: The schema of the extension, as SQL.
        record: The function, as the catalog has it.
        row: The type of the rows, for a trigger function; empty for another function.
        limit: How long it may take, as PostgreSQL writes it.
    """
    trigger: Mapping[str, Any] = next((each for each in record["triggers"] if each["type"] == row), {})
    check = f"""\
select found.sqlstate, found.message, found.query, found.statement
  from {schema}.plpgsql_check_function_tb(
           $1::oid::regprocedure,
           coalesce((select t.typrelid from pg_catalog.pg_type t where t.oid = $2::text::regtype), 0)::regclass,
           fatal_errors := false, other_warnings := false, extra_warnings := false,
           oldtable := $3::name, newtable := $4::name) found
 where found.level = 'error'"""
    settings = (each.partition("=")[::2] for each in record["settings"] or ())
    requests = [
        Request("begin"),
        Request(f"set local statement_timeout = '{limit}'"),
        *(Request("select pg_catalog.set_config($1, $2, true)", (name, value)) for name, value in settings),
        Request(check, (record["oid"], row or None, trigger.get("old"), trigger.get("new"))),
        Request("rollback"),
    ]
    try:
        found = session.ask(*requests)[-2]
    except psycopg.Error:
        session.abort()
        return []
    return [
        Failure(query or record["source"], state or "", message or "", is_result=(statement or "").startswith("RETURN"))
        for state, message, query, statement in found
        if not (query and _MAY_BE_DYNAMIC.search(statement or ""))
    ]
