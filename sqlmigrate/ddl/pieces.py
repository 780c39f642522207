"""The statements of one object, and what each of them needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlmigrate.catalog.objects import Identity, Object

# What a statement does for the object:
# - core: creates it
# - part: adds to it
# - foreign key: adds what needs another table, with its key
# - last: comes after everything else. If it came before the partitions, each partition would get one as well
# - attach: attaches the index of a partition to an index that came last
Role = Literal["core", "part", "foreign key", "last", "attach"]


@dataclass(frozen=True)
class Piece:
    """One statement.

    Attributes:
        sql: the statement, without the semicolon
        of: the objects, and defaults of columns, that it creates: it needs what they need
        role: what it is for the object
    """

    sql: str
    of: tuple[Identity, ...] = ()
    role: Role = "part"


@dataclass(frozen=True)
class Block:
    """All statements of an object that stands alone, in their order.

    Attributes:
        thing: the object
        pieces: its statements
        unwritten: what of it cannot be written as SQL, in words
    """

    thing: Object
    pieces: tuple[Piece, ...]
    unwritten: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The statements as they are written to a file."""
        return "".join(f"{piece.sql};\n" for piece in self.pieces)


def default_of(column: Object) -> Identity:
    """Return the identity of the default of a column, or of its generation expression, among dependencies."""
    return Identity("pg_attrdef", column.identity.oid, column.identity.sub)


def role_of(part: Object, relation: Object) -> Role:
    """Return the role of the statement that adds a part to a relation.

    A partition takes over each index of its parent, and each constraint as valid. An invalid index, and a constraint
    that is NOT VALID, were added when the partitions existed already:
    https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-DESCRIPTION
    """
    if part.is_foreign_key:
        return "foreign key"
    is_of_partitions = relation.kind == "partitioned table" and "false" in (
        part.attributes.get("valid"),
        part.attributes.get("validated"),
    )
    return "last" if is_of_partitions else "part"
