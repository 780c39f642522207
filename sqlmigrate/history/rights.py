"""Errors for missing rights and unusable history tables, with the SQL for the DBA."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from psycopg import sql

from sqlmigrate.errors import NOTHING_CHANGED, ConfigError, ServerError

from .state import State
from .table import COLUMN_NAMES, History


def refuse_second(history: History, schema: str | None, columns: str | None) -> None:
    """Raise where this role has a history in a schema that its `search_path` no longer leads to.

    A `search_path` that this connection asks for itself is meant: a schema for each customer has a history for each.
    """
    if schema is None or set((columns or "").split()) != COLUMN_NAMES:
        return
    there = replace(history, schema=schema)
    raise ConfigError(
        f"the history of this database is {there.name}, and the search_path leads to {history.schema}",
        state=NOTHING_CHANGED,
        detail=["a second history would execute every migration again"],
        hint=f"go on with it: --table {there.quoted}; or, where a second one is meant: --table {history.quoted}",
    )


def no_schema(schema: str | None) -> ConfigError:
    """Make the error for a history whose schema does not exist."""
    if schema is None:
        return ConfigError(
            "no schema of the search_path exists, so the history has no place",
            hint="name one: --table public.migrations",
        )
    return ConfigError(
        f"the schema {schema} of the history does not exist",
        state=NOTHING_CHANGED,
        next_steps=[f"psql: create schema {sql.Identifier(schema).as_string()};"],
    )


def unreadable(history: History, user: str, what: str | None = None) -> ServerError:
    """Make the error of a role that may not read the history, with the SQL for its DBA."""
    schema, role = (sql.Identifier(name).as_string() for name in (history.schema, user))
    return ServerError(
        f"the role {user} may not read the history {what or history.name}",
            state=NOTHING_CHANGED,
        hint="its owner gives the right with:",
        next_steps=[f"psql: grant usage on schema {schema} to {role};",
                    f"psql: grant select on {history.quoted}, {history.quoted_log} to {role};"],
    )  # fmt: skip


def half_made(history: History) -> ServerError:
    """Make the error of a history of which one table is there without the other, with the SQL of that."""
    there, gone = (history.name, history.log_name) if history.exists else (history.log_name, history.name)
    definition = history.definitions[1 if history.exists else 0]
    return ServerError(
        f"{there} is there, and {gone} beside it is gone",
        state=NOTHING_CHANGED,
        hint="bring it back from a backup, or make it empty:",
        next_steps=f"psql: {definition};".splitlines(),
    )


def somebody_else(what: str, columns: Sequence[str]) -> ConfigError:
    """Make the error for a table of the history's name that is not ours."""
    return ConfigError(
        f"the table {what} has other columns than our history: it is somebody else's",
        state=NOTHING_CHANGED,
        detail=[f"its columns: {', '.join(columns) or 'none'}"],
        hint="keep our history in another table: --table sqlmigrate_migrations, "
        'or in pyproject.toml: [tool.sqlmigrate] table = "sqlmigrate_migrations"',
    )


def require_writable(state: State) -> None:
    """Raise `ServerError`, with the SQL for the DBA, where this role may not make or write the history."""
    history, user = state.history, sql.Identifier(state.server.user).as_string()
    if history.exists != history.has_log:
        raise half_made(history)
    if state.is_writable:
        return
    if history.exists:
        raise ServerError(
            f"the role {state.server.user} may only read the history {history.name}",
            state=NOTHING_CHANGED,
            hint="its owner gives the right with:",
            next_steps=[f"psql: grant insert, update, delete on {history.quoted} to {user};",
                        f"psql: grant insert on {history.quoted_log} to {user};"],
        )  # fmt: skip
    raise ServerError(
        f"the role {state.server.user} may not create the history in schema {history.schema}",
        state=NOTHING_CHANGED,
        hint="a role that may executes this once:",
        next_steps=[
            *(line for definition in history.definitions for line in f"{definition};".splitlines()),
            f"grant usage on schema {sql.Identifier(history.schema).as_string()} to {user};",
            f"grant select, insert, update, delete on {history.quoted} to {user};",
            f"grant select, insert on {history.quoted_log} to {user};",
        ],
    )
