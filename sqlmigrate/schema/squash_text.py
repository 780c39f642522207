"""The two files of a squashed migration: what makes a schema with its rows, and what drops all of it.

The rows come after the tables and before what would act on them or refuse them: triggers, foreign keys, constraints
that were never validated, row level security that holds for the owner.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlmigrate.catalog.objects import Catalog, Identity, Object
from sqlmigrate.ddl import rare, rights, targets
from sqlmigrate.ddl.order import Section, in_order
from sqlmigrate.ddl.pieces import Piece
from sqlmigrate.ddl.schema import Schema
from sqlmigrate.ddl.statements import PUBLIC
from sqlmigrate.files.migration import Migration
from sqlmigrate.files.replaces import CHECKSUM_LENGTH, written_by
from sqlmigrate.shadow.squash_rows import Value

_FORCED = re.compile(r"ALTER TABLE \S.* FORCE ROW LEVEL SECURITY\Z", re.DOTALL)
_LATER_KINDS = ("trigger", "event trigger")
# What goes with the object that it is set for, or is there in each new database.
_NOT_DROPPED = ("database", "subscription")


@dataclass(frozen=True)
class Contents:
    """What a squashed migration makes.

    Attributes:
        schema: the schema, without the history tables
        nothing: the schema of an empty database
        carried: statements of the replaced files that no catalog of a database holds, such as CREATE ROLE
        blocks: the COPY block of each table with rows
        values: the values of sequences
        with_data: whether the rows were to be written
    """

    schema: Schema
    nothing: Schema
    carried: tuple[str, ...] = ()
    blocks: Mapping[str, str] = field(default_factory=dict)
    values: tuple[Value, ...] = ()
    with_data: bool = True


def head(replaced: Sequence[Migration], *, has_down: bool, with_data: bool = True) -> str:
    """Return the directives with the list, the first lines of the up file."""
    first = replaced[0].replaces.first if replaced[0].replaces else replaced[0].version
    width = max(len(each.label) for each in replaced)
    lines = [f"-- sqlmigrate: replaces {first}-{replaced[-1].version}"]
    lines += [f"--   {each.label:<{width}}   {each.checksum[:CHECKSUM_LENGTH]}" for each in replaced]
    lines += [] if has_down else ["-- sqlmigrate: irreversible (squashed without a down file)"]
    return "\n".join([*lines, written_by(with_data=with_data)]) + "\n"


def up(replaced: Sequence[Migration], contents: Contents, *, has_down: bool = True) -> str:
    """Return the text of the up file."""
    schema, sections = contents.schema, in_order(contents.schema, with_owner=True)
    later = {id(piece) for section in sections for piece in section.pieces if _is_later(section, piece, schema)}
    parts = [head(replaced, has_down=has_down, with_data=contents.with_data)]
    parts += [f"{each.rstrip().rstrip(';')};\n" for each in contents.carried]
    parts += [f"DROP SCHEMA {PUBLIC};\n"] if ("schema", PUBLIC) not in schema.catalog.objects else []
    parts += _written(sections, schema.catalog, lambda piece: id(piece) not in later)
    parts += contents.blocks.values()
    parts += [f"{each.statement};\n" for each in contents.values]
    parts += [f"{each};\n" for each in _refreshed(sections)] if contents.blocks else []
    parts += _written(sections, schema.catalog, lambda piece: id(piece) in later)
    return "\n".join(parts)


def _is_later(section: Section, piece: Piece, schema: Schema) -> bool:
    if section.block.thing.kind in _LATER_KINDS or piece.role == "foreign key":
        return True
    kinds = {_kind(identity, schema) for identity in piece.of}
    sql = piece.sql.rstrip()
    return not kinds.isdisjoint(_LATER_KINDS) or sql.endswith(" NOT VALID") or _FORCED.match(sql) is not None


def _kind(identity: Identity, schema: Schema) -> str:
    found = schema.catalog.by_identity.get(identity)
    return found.kind if found else ""


def _written(sections: Sequence[Section], catalog: Catalog, is_wanted: Callable[[Piece], bool]) -> Iterator[str]:
    for section in sections:
        pieces = [piece for piece in section.pieces if is_wanted(piece)]
        if pieces:
            statements = "\n".join(_ended(piece.sql) for piece in pieces)
            yield f"-- {rights.title(section.block.thing, catalog)}\n{statements}\n"


def _ended(sql: str) -> str:
    return sql if sql.startswith("-- ") else f"{sql};"


def _refreshed(sections: Sequence[Section]) -> Iterator[str]:
    for section in sections:
        thing = section.block.thing
        if section.is_first and thing.kind == "materialized view" and thing.attributes.get("populated") != "false":
            yield f"REFRESH MATERIALIZED VIEW {thing.name}"


def down(contents: Contents) -> str:
    """Return the text of the down file: everything is dropped, in the reverse order.

    Nothing is dropped with CASCADE, so that what does not belong to it stays, and stops the down.
    """
    sections = in_order(contents.schema)
    dropped: list[str] = []
    for section in reversed(sections):
        if section.is_first:
            dropped += _dropped(section.block.thing, contents.schema)
        else:
            dropped += filter(None, (_undone(piece, contents.schema) for piece in reversed(section.pieces)))
    return "".join(f"{each};\n" for each in [*dropped, *_public_again(contents)])


def _public_again(contents: Contents) -> list[str]:
    """Return what gives the schema `public`, which no down file drops, the rights and the comment that it had."""
    now, was = (each.catalog.objects.get(("schema", PUBLIC)) for each in (contents.schema, contents.nothing))
    if now is None or was is None:
        return [f"CREATE SCHEMA {PUBLIC}"] if was else []
    text = was.attributes.get("comment")
    comments = [targets.commented(was, text)] if now.attributes.get("comment") != text else []
    return [*rights.changed(now, was), *comments]


def _undone(piece: Piece, schema: Schema) -> str | None:
    """Return what drops a constraint that was added when the objects that it needs were there; None for other parts."""
    for identity in piece.of:
        thing = schema.catalog.by_identity.get(identity)
        if thing and thing.kind == "constraint" and " ADD CONSTRAINT " in piece.sql:
            return f"ALTER TABLE {thing.table} DROP CONSTRAINT {thing.path[-1]}"
        if thing and thing.kind in ("trigger", "policy", "rule") and piece.sql.startswith("CREATE "):
            return f"DROP {thing.kind.upper()} {thing.path[-1]} ON {thing.table}"
    return None


def _dropped(thing: Object, schema: Schema) -> list[str]:
    if thing.kind in _NOT_DROPPED or (thing.kind, thing.name) == ("schema", PUBLIC):
        return []
    if thing.kind == "default privileges" and rights.is_of_database_owner(thing, schema.catalog):
        return rights.changed_default_privileges(thing, None, with_role=False)  # the role is that of the shadow
    return rare.drop(thing)
