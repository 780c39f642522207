"""Range types and base types.

https://www.postgresql.org/docs/current/sql-createtype.html
"""

from __future__ import annotations

from sqlmigrate.catalog.objects import Catalog, Object
from sqlmigrate.identifiers import literal

from .targets import target


def range_type(thing: Object, _catalog: Catalog) -> list[str]:
    """Return the statement that creates a range type; `shell` stands before what its functions need."""
    return [f"CREATE {target(thing)} AS RANGE ({thing.attributes['range']})"]


def base_type(thing: Object, _catalog: Catalog) -> list[str]:
    """Return the statement that creates a base type; `shell` stands before what its functions need."""
    storage, default = thing.attributes.get("storage"), thing.attributes.get("default")
    if storage is None:
        return [f"CREATE {target(thing)}"]
    return [f"CREATE {target(thing)} ({storage}" + (f", DEFAULT = {literal(default)}" if default else "") + ")"]


def shell(thing: Object) -> str | None:
    """Return the statement that announces a type, which functions have as a parameter before it is created."""
    is_base = thing.kind == "type" and thing.attributes.get("storage")
    has_own_functions = "CANONICAL = " in (thing.attributes.get("range") or "")
    return f"CREATE {target(thing)}" if is_base or has_own_functions else None
