"""Errors for missing rights and unusable history tables, with the SQL for the DBA."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlmigrate.errors import NOTHING_CHANGED, ConfigError, ServerError
from sqlmigrate.identifiers import quoted

from .state import State
from .table import History, is_history


def refuse_second(history: History, schema: str | None, columns: str | None) -> None:
    """Raise `ConfigError` if this role has a history in a schema that its `search_path` no longer leads to.

    A `search_path` that this connection asks for itself is intended: with a schema for each customer, each has its own
    history.
    """
    if schema is None or not is_history((columns or "").split()):
        return
    there = replace(history, schema=schema)
    raise ConfigError(
        f"the history of this database is {there.name}, and the search_path leads to {history.schema}",
        detail=["a second history would execute every migration again"],
        state=NOTHING_CHANGED,
        hint=f"continue with it: --table {there.quoted}; or, if a second one is intended: --table {history.quoted}",
    )


def no_schema(schema: str | None) -> ConfigError:
    """Make the error for a history whose schema does not exist."""
    if schema is None:
        return ConfigError(
            "no schema of the search_path exists, so there is no place for the history",
            state=NOTHING_CHANGED,
            hint="name one: --table public.migrations",
        )
    return ConfigError(
        f"the schema {schema} of the history does not exist",
        state=NOTHING_CHANGED,
        next_steps=[f"psql: create schema {quoted(schema)};"],
    )


def unreadable(history: History, user: str, table: str | None = None) -> ServerError:
    """Make the error for a role that may not read the history, or `table` of it, with the SQL for its DBA."""
    schema, role = quoted(history.schema), quoted(user)
    return ServerError(
        f"the role {user} may not read the history {table or history.name}",
        state=NOTHING_CHANGED,
        hint="its owner grants the right with:",
        next_steps=[
            f"psql: grant usage on schema {schema} to {role};",
            f"psql: grant select on {history.quoted}, {history.quoted_log} to {role};",
        ],
    )


def half_made(history: History) -> ServerError:
    """Make the error for a history that has only one of its two tables, with the SQL that creates the other."""
    there, gone = (history.name, history.log_name) if history.exists else (history.log_name, history.name)
    definition = history.definitions[1 if history.exists else 0]
    return ServerError(
        f"{there} exists, but {gone}, which belongs to it, is missing",
        state=NOTHING_CHANGED,
        hint="restore it from a backup, or create it empty:",
        next_steps=f"psql: {definition};".splitlines(),
    )


def somebody_else(table: str, columns: Sequence[str]) -> ConfigError:
    """Make the error for a table that has the name of the history and is not a history."""
    return ConfigError(
        f"the table {table} is not a history of sqlmigrate: it has other columns",
        detail=[f"its columns: {', '.join(columns) or 'none'}"],
        state=NOTHING_CHANGED,
        hint="keep the history in another table: --table sqlmigrate_migrations, "
        'or in pyproject.toml: [tool.sqlmigrate] table = "sqlmigrate_migrations"',
    )


def require_writable(state: State) -> None:
    """Raise `ServerError`, with the SQL for the DBA, if this role may not create, alter or write the history."""
    history, user = state.history, state.server.user
    if history.exists != history.has_log:
        raise half_made(history)
    if not state.is_writable:
        raise _may_only_read(history, user) if history.exists else _may_not_create(history, user)
    if history.is_older and not state.may_alter:
        raise _may_not_alter(history, user)


def _may_only_read(history: History, user: str) -> ServerError:
    return ServerError(
        f"the role {user} may only read the history {history.name}",
        state=NOTHING_CHANGED,
        hint="its owner grants the right with:",
        next_steps=[
            f"psql: grant insert, update, delete on {history.quoted} to {quoted(user)};",
            f"psql: grant insert on {history.quoted_log} to {quoted(user)};",
        ],
    )


def _may_not_create(history: History, user: str) -> ServerError:
    return ServerError(
        f"the role {user} may not create the history in schema {history.schema}",
        state=NOTHING_CHANGED,
        hint="a role that may create tables there executes this once:",
        next_steps=[
            *(line for definition in history.definitions for line in f"{definition};".splitlines()),
            f"grant usage on schema {quoted(history.schema)} to {quoted(user)};",
            f"grant select, insert, update, delete on {history.quoted} to {quoted(user)};",
            f"grant select, insert on {history.quoted_log} to {quoted(user)};",
        ],
    )


def _may_not_alter(history: History, user: str) -> ServerError:
    return ServerError(
        f"the history {history.name} was created by an older version of sqlmigrate, "
        f"and the role {user} may not alter it",
        state=NOTHING_CHANGED,
        hint="its owner executes this once:",
        next_steps=[f"psql: {history.alteration};"],
    )
