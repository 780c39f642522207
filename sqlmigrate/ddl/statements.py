"""The statements that create an object that stands alone, with all its parts."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping

from sqlmigrate.catalog.objects import Catalog, Identity, Object

from . import sequences, tables, types, views
from .foreign import hidden
from .pieces import Block, Piece, role_of
from .rare import RARE
from .rights import grants
from .schema import Schema
from .targets import comment, owner

_Write = Callable[[Object, Catalog], Block]
_AS = re.compile(r"^AS ", re.MULTILINE)
PUBLIC = "public"  # a schema of each new database
_DATABASE_OWNER = "pg_database_owner"  # its owner, from 15 on


def block(thing: Object, schema: Schema, apart: Collection[Identity] = (), *, with_owner: bool = False) -> Block:
    """Return the statements that create an object with all its parts, their rights and their comments.

    Args:
        thing: An object that stands alone: a table, not a column.
        schema: The schema that it is in.
        apart: The constraints and defaults that are not to stand inside CREATE TABLE.
        with_owner: Whether there is a statement for its owner, too.
    """
    catalog = schema.catalog
    if tables.is_table(thing):
        found = tables.block(thing, catalog, apart)
    elif thing.identity.oid in schema.unchecked and thing.identity.catalog == "pg_proc":
        found = _unchecked_routine(thing)
    else:
        found = _BLOCKS[thing.kind](thing, catalog)
    is_named = with_owner and thing.attributes.get("owner") not in _unnamed(thing, schema)
    return Block(thing, (*found.pieces, *_about(thing, catalog, with_owner=is_named)), found.unwritten)


def _unnamed(thing: Object, schema: Schema) -> Collection[str]:
    """Return the owners that an object has without being given to them."""
    own = [schema.own_role] if schema.own_role else []
    return [*own, _DATABASE_OWNER] if (thing.kind, thing.name) == ("schema", PUBLIC) else own


def parts_of(thing: Object, catalog: Catalog) -> list[Object]:
    """Return all parts of an object that stands alone, in the order of their kinds and names."""
    found = catalog.parts_of(thing, *_PARTS)
    return sorted((each for each in found if each.name != thing.name or each.kind != thing.kind), key=_by_kind)


def stands_alone(thing: Object) -> bool:
    """Return whether an object is created by statements of its own: no part of another, and not there from the start.

    https://www.postgresql.org/docs/current/manage-ag-templatedbs.html
    """
    if (thing.kind, thing.name) == ("extension", "plpgsql"):
        return False
    return (thing.kind in _BLOCKS and thing.table in ("", thing.name)) or tables.is_table(thing)


def _by_kind(thing: Object) -> tuple[str, int, str]:
    return thing.kind, thing.identity.sub, thing.name


def _about(thing: Object, catalog: Catalog, *, with_owner: bool) -> Iterator[Piece]:
    """Yield the statements about the owners, the rights and the comments of an object and its parts."""
    if thing.kind == "subscription":  # which is not created
        return
    whole = [thing, *parts_of(thing, catalog)]
    if with_owner:
        yield from (_about_part(each, thing, sql) for each in whole if (sql := owner(each)))
    yield from (_about_part(each, thing, sql) for each in whole for sql in grants(each, thing, with_owner=with_owner))
    yield from (_about_part(each, thing, sql) for each in whole if (sql := comment(each)))


def _about_part(part: Object, whole: Object, sql: str) -> Piece:
    """Return a statement that can be executed when the part that it is about exists."""
    return Piece(sql, (part.identity,), role_of(part, whole))


def _routine(thing: Object, _catalog: Catalog) -> Block:
    return Block(thing, (Piece(_definition(thing), (thing.identity,), "core"),))


def _unchecked_routine(thing: Object) -> Block:
    """Return the statements of a function whose body PostgreSQL would refuse: it is created without a check.

    A setting of the function itself holds for the check, too: ``ProcedureCreate`` in
    https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/catalog/pg_proc.c
    """
    text = _AS.sub(" SET check_function_bodies TO off\nAS ", _definition(thing), count=1)
    reset = f"ALTER {thing.kind.upper()} {thing.name} RESET check_function_bodies"
    return Block(thing, (Piece(text, (thing.identity,), "core"), Piece(reset, role="core")))


def _definition(routine: Object) -> str:
    return routine.definition.rstrip("\n").removesuffix(";").replace("CREATE OR REPLACE ", "CREATE ", 1)


def _sequence(thing: Object, _catalog: Catalog) -> Block:
    return Block(thing, (Piece(sequences.create(thing), (thing.identity,), "core"),))


def _schema(thing: Object, _catalog: Catalog) -> Block:
    if thing.name == PUBLIC:  # each database has it from the beginning
        return Block(thing, ())
    return Block(thing, (Piece(f"CREATE SCHEMA {thing.name}", (thing.identity,), "core"),))


def _extension(thing: Object, _catalog: Catalog) -> Block:
    schema = thing.attributes.get("schema")
    return Block(thing, (Piece(f"CREATE EXTENSION {thing.name} WITH SCHEMA {schema}", (thing.identity,), "core"),))


def _rare(thing: Object, catalog: Catalog) -> Block:
    statements = RARE[thing.kind](thing, catalog)
    unwritten = tuple(f"{each} is hidden" for each in hidden(thing))
    return Block(thing, tuple(Piece(each, (thing.identity,), "core") for each in statements), unwritten)


_PARTS = (
    "column", "constraint", "index", "sequence", "trigger", "rule", "policy", "statistics", "domain constraint",
)  # fmt: skip
_BLOCKS: Mapping[str, _Write] = {
    "schema": _schema,
    "extension": _extension,
    "function": _routine,
    "procedure": _routine,
    "sequence": _sequence,
    "view": views.block,
    "materialized view": views.block,
    **types.BLOCKS,
    **dict.fromkeys(RARE, _rare),
}
