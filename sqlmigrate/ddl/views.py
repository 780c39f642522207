"""Views and materialized views.

https://www.postgresql.org/docs/current/sql-createview.html
"""

from __future__ import annotations

from sqlmigrate.catalog.objects import Catalog, Object

from . import parts
from .columns import further, storage_options
from .pieces import Block, Piece, default_of


def block(view: Object, catalog: Catalog) -> Block:
    """Return the statements of a view and of everything that belongs to it."""
    have, columns = view.attributes, catalog.parts_of(view, "column")
    options = f" WITH ({storage_options(have['options'] or '')})" if have.get("options") else ""
    method = f"\nUSING {have['access method']}" if have.get("access method") else ""
    tablespace = f"\nTABLESPACE {have['tablespace']}" if have.get("tablespace") else ""
    head = f"CREATE {view.kind.upper()} {view.name}{method}{options}{tablespace} AS"
    text = f"{head}\n{(have.get('view') or '').removesuffix(';')}"
    if have.get("populated") == "false":
        text += "\nWITH NO DATA"
    pieces = [Piece(text, (view.identity, *(each.identity for each in columns)), "core")]
    for column in columns:
        if default := column.attributes.get("default"):
            alter = f"ALTER VIEW {view.name} ALTER COLUMN {column.path[-1]} SET DEFAULT {default}"
            pieces.append(Piece(alter, (default_of(column),)))
        if view.kind == "materialized view":
            pieces += [Piece(sql) for sql in further(f"MATERIALIZED VIEW {view.name}", column)]
    return Block(view, (*pieces, *parts.indexes(view, catalog), *parts.of(view, catalog)))
