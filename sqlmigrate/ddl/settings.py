"""Settings of the database, and of roles in it.

https://www.postgresql.org/docs/current/sql-alterdatabase.html
"""

from __future__ import annotations

import re

from sqlmigrate.catalog.objects import Catalog, Object
from sqlmigrate.identifiers import literal

from .foreign import hidden
from .names import DATABASE, identifier, on_this_database

# Their values are lists of names: variable_is_guc_list_quote() in
# https://github.com/postgres/postgres/blob/REL_18_STABLE/src/bin/pg_dump/dumputils.c
_LISTS = (
    "local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries",
    "temp_tablespaces", "unix_socket_directories",
)  # fmt: skip
_ITEM = re.compile(r'"((?:[^"]|"")*)"|([^,\s]+)')


def setting(thing: Object, _catalog: Catalog) -> list[str]:
    """Return the statement that sets a parameter, or a comment if its value is hidden."""
    if hidden(thing):
        return [f"-- not written, because it may be a secret: the value of setting {thing.name}"]
    assigned = assignment(thing.attributes["parameter"] or "", thing.attributes["value"] or "")
    return [on_this_database(f"{_alter(thing)} {assigned}")]


def assignment(name: str, value: str) -> str:
    """Return what sets a parameter to a value of ``pg_db_role_setting``: ``SET work_mem TO '8MB'``."""
    items = [literal(quoted.replace('""', '"') or plain) for quoted, plain in _ITEM.findall(value)]
    written = ", ".join(items) if name in _LISTS else literal(value)
    return f"SET {_written(name)} TO {written}"


def reset(thing: Object) -> str:
    """Return the statement that takes a setting back."""
    return on_this_database(f"{_alter(thing)} RESET {_written(thing.attributes['parameter'] or '')}")


def _alter(thing: Object) -> str:
    role = thing.attributes.get("role")
    return f"ALTER ROLE {role} IN DATABASE {DATABASE}" if role else f"ALTER DATABASE {DATABASE}"


def _written(name: str) -> str:
    return ".".join(map(identifier, name.split(".")))
