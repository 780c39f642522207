"""Errors for missing rights and unusable history tables, with the SQL for the DBA."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmigrate.errors import NOTHING_CHANGED, ConfigError, ServerError
from sqlmigrate.identifiers import literal, quoted

from .relations import Relation
from .state import Obstacle, State
from .table import COLUMNS, LOG_COLUMNS, Column, History

_AGAIN = "a history that begins empty would execute every migration again"


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
    tables = [history.quoted, history.quoted_log, *([history.quoted_snapshots] * (history.snapshots == "unreadable"))]
    return ServerError(
        f"the role {user} may not read the history {table or history.name}",
        state=NOTHING_CHANGED,
        hint="its owner grants the right with:",
        next_steps=[
            f"psql: grant usage on schema {schema} to {role};",
            f"psql: grant select on {', '.join(tables)} to {role};",
        ],
    )


def half_made(history: History) -> ServerError:
    """Make the error for a history that has only one of its two tables, with the SQL that creates the other."""
    there, gone = (history.name, history.log_name) if history.exists else (history.log_name, history.name)
    definition = history.definitions[1 if history.exists else 0]
    empty = "restore it from a backup, or create it empty:"
    if not history.exists:
        empty = (
            "restore it from a backup; or create it empty, and before the next up record what is executed "
            "(sqlmigrate baseline VERSION):"
        )
    return ServerError(
        f"{there} exists, but {gone}, which belongs to it, is missing",
        state=NOTHING_CHANGED,
        hint=empty,
        next_steps=f"psql: {definition};".splitlines(),
    )


def not_a_history(found: Relation) -> ConfigError:
    """Make the error for something that has the name of the history, or of its log, and is neither."""
    name = f"{found.schema}.{found.name}"
    if found.has_our_columns:
        return _not_a_table(found)
    if found.kind == "a table":
        message = f"the table {name} is not a history of sqlmigrate: it has other columns"
    else:
        message = f"{name} is {found.kind}, not a history of sqlmigrate"
    columns = ", ".join(found.columns) or ("none" if found.kind == "a table" else "")
    return ConfigError(
        message,
        detail=[*([f"its columns: {columns}"] if columns else []), _AGAIN],
        state=NOTHING_CHANGED,
        hint="if there is no history yet, keep it in another table: --table sqlmigrate_migrations, "
        'or the setting table = "sqlmigrate_migrations" in sqlmigrate.toml, or in [tool.sqlmigrate] of pyproject.toml; '
        "and record first what this database has already: sqlmigrate baseline VERSION",
    )


def _not_a_table(found: Relation) -> ConfigError:
    behind = "" if found.kind == "a partitioned table" else "name the table behind it: --table SCHEMA.TABLE; or "
    return ConfigError(
        f"{found.schema}.{found.name} is {found.kind} with the columns of a history; sqlmigrate writes only to a table",
        detail=[_AGAIN],
        state=NOTHING_CHANGED,
        hint=f"{behind}make it an ordinary table again, with the same rows",
    )


def require_readable(history: History, found: Relation, user: str) -> None:
    """Raise `ServerError` if this role cannot read the whole history: no right, hidden rows, a missing column."""
    if not found.is_readable:
        raise unreadable(history, user)
    if found.may_hide_rows:
        raise ServerError(
            f"row level security may hide rows of the history {history.name} from the role {user}",
            detail=["a migration whose row is hidden would be executed again"],
            state=NOTHING_CHANGED,
            hint="its owner executes this once:",
            next_steps=[f"psql: alter table {history.quoted} disable row level security;"],
        )
    if missing := found.missing:
        raise _lacks(history.name, missing, _renamed(history.quoted, missing, found.columns, COLUMNS))


def _lacks(name: str, missing: Sequence[str], renaming: Sequence[str]) -> ServerError:
    columns = ", ".join(f"`{column}`" for column in missing)
    return ServerError(
        f"the history {name} lacks the column{'s' * (len(missing) > 1)} {columns}",
        detail=["something has renamed or dropped what sqlmigrate has created", _AGAIN],
        state=NOTHING_CHANGED,
        hint="its owner renames it back:" if renaming else "restore the table from a backup",
        next_steps=[f"psql: {each};" for each in renaming],
    )


def _renamed(table: str, missing: Sequence[str], names: Sequence[str], columns: Sequence[Column]) -> list[str]:
    """Give the SQL that renames the one missing column back, if there is only one that it can be now."""
    strange = [name for name in names if name not in {each.name for each in columns}]
    if len(missing) != 1 or len(strange) != 1:
        return []
    return [f"alter table {table} rename column {quoted(strange[0])} to {missing[0]}"]


def obstacles_of(history: History, found: Relation) -> list[Obstacle]:
    """Return what keeps the history from being written, although this role may write it."""
    obstacles = _unfilled(history.name, history.quoted, found, COLUMNS)
    if not found.has_key:
        problem = f"{history.name} has no primary key"
        obstacles.append(Obstacle(problem, (f"alter table {history.quoted} add primary key (version)",)))
    return obstacles


def obstacles_of_log(history: History, found: Relation) -> list[Obstacle]:
    """Return what keeps the log from being written, although this role may write it."""
    name, table = history.log_name, history.quoted_log
    if missing := found.missing_of_log:
        problem = f"{name} lacks {', '.join(missing)}"
        return [Obstacle(problem, tuple(_renamed(table, missing, found.columns, LOG_COLUMNS)))]
    obstacles = _unfilled(name, table, found, LOG_COLUMNS)
    if found.may_hide_rows:
        problem = f"row level security of {name} keeps rows out"
        obstacles.append(Obstacle(problem, (f"alter table {table} disable row level security",)))
    if not found.has_key:
        identity = f"alter table {table} alter column id set not null, alter column id add generated always as identity"
        sequence = f"pg_catalog.pg_get_serial_sequence({literal(table)}, 'id')"
        counting = f"select pg_catalog.setval({sequence}, (select max(id) from {table}))"
        obstacles.append(Obstacle(f"the column `id` of {name} generates no values", (identity, counting)))
    return obstacles


def _unfilled(name: str, table: str, found: Relation, columns: Sequence[Column]) -> list[Obstacle]:
    """Return an obstacle for each column that must have a value and to which sqlmigrate does not always give one."""
    filled = {each.name for each in columns if each.constraint}
    return [
        Obstacle(
            f"the column `{column}` of {name} must have a value, and sqlmigrate does not give it one",
            (f"alter table {table} alter column {quoted(column)} drop not null",),
        )
        for column in found.unfilled
        if column not in filled
    ]


def require_writable(state: State) -> None:
    """Raise `ServerError`, with the SQL for the DBA, if this role may not create, alter or write the history."""
    history, user = state.history, state.server.user
    if history.exists != history.has_log:
        raise half_made(history)
    if not state.is_writable:
        raise _may_only_read(history, user) if history.exists else _may_not_create(history, user)
    if history.is_older and not state.may_alter:
        raise _may_not_alter(history, user)
    if state.obstacles:
        raise _cannot_be_written(history, state.obstacles)


def _cannot_be_written(history: History, obstacles: Sequence[Obstacle]) -> ServerError:
    cures = [cure for each in obstacles for cure in each.cure]
    return ServerError(
        f"the history {history.name} cannot be written as it is",
        detail=[each.problem for each in obstacles],
        state=NOTHING_CHANGED,
        hint="its owner executes this once:" if cures else "restore the table from a backup",
        next_steps=[f"psql: {cure};" for cure in cures],
    )


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
    """Make the error for a history that this role may not create: one grant is enough, also for files that create."""
    return ServerError(
        f"the role {user} may not create the history in schema {history.schema}",
        state=NOTHING_CHANGED,
        hint="the owner of the schema grants the right with the line below; once the history is there, only files that "
        "create objects in that schema need it",
        next_steps=[f"psql: grant usage, create on schema {quoted(history.schema)} to {quoted(user)};"],
    )


def _may_not_alter(history: History, user: str) -> ServerError:
    return ServerError(
        f"the history {history.name} was created by an older version of sqlmigrate, "
        f"and the role {user} may not alter it",
        state=NOTHING_CHANGED,
        hint="its owner executes this once:",
        next_steps=[f"psql: {history.alteration};"],
    )


def snapshots_not_kept(history: History, user: str) -> ServerError:
    """Make the note for snapshots that this role may not create, read or write, with the SQL for its DBA."""
    name, table, role = history.snapshots_name, history.quoted_snapshots, quoted(user)
    if history.snapshots == "not ours":
        return ServerError(
            f"{name} is not a table of sqlmigrate, so no snapshot of the schema is kept",
            hint='rename that table; or keep no snapshots: the setting drift = "off"',
        )
    grants = [f"grant select, insert, update, delete on {table} to {role};"]
    if history.snapshots == "unreadable":
        return ServerError(
            f"the role {user} may not read the snapshots of the schema in {name}",
            hint="its owner grants the right with:",
            next_steps=[
                f"psql: grant usage on schema {quoted(history.schema)} to {role};",
                f"psql: grant select on {table} to {role};",
            ],
        )
    if history.snapshots == "readable":
        return ServerError(
            f"no snapshot of the schema is kept: the role {user} may only read {name}",
            hint="its owner grants the right with:",
            next_steps=[f"psql: {each}" for each in grants],
        )
    creating = [line for sql in history.snapshots_definition for line in f"{sql};".splitlines()]
    return ServerError(
        f"no snapshot of the schema is kept: the role {user} may not create {name}",
        hint='a role that may create tables there executes this once; or the setting drift = "off":',
        next_steps=["psql:", *creating, *grants],
    )
