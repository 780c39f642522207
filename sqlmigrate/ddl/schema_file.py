"""The text of `schema.sql`: every object of a schema, sorted, in statements that can be executed from top to bottom.

Each object begins with its name and a checksum of all its statements. Two branches that change the same object differ
in its checksum, so that merging them is a conflict wherever in the object they have changed something.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from sqlmigrate.files.naming import SCHEMA_FILE

from .order import AT_THE_END, Section, in_order
from .pieces import Block, Piece
from .rights import title
from .schema import Schema
from .statements import PUBLIC

_HEAD = f"""\
{SCHEMA_FILE}-- Do not edit it. After a merge conflict in it, write it again with the same command.
"""
_CHECKSUM_LENGTH = 12
_HEADING = re.compile(r"^-- (.+)\n-- checksum (\w+)$", re.MULTILINE)


@dataclass(frozen=True)
class SchemaFile:
    """The file of a schema.

    Attributes:
        schema: The schema that it shows.
    """

    schema: Schema

    @cached_property
    def text(self) -> str:
        """Its text; the same for the same schema, whatever the machine, the locale and the order are."""
        catalog, later = self.schema.catalog, _stands_later(self._sections)
        written = (
            _written(section, title(section.block.thing, catalog), later.get(id(section.block), ()))
            for section in self._sections
            if section.pieces
        )
        gone = [] if ("schema", PUBLIC) in catalog.objects else [f"DROP SCHEMA {PUBLIC};\n"]
        return "\n".join([_HEAD, *gone, *written])

    @cached_property
    def unwritten(self) -> tuple[str, ...]:
        """What of the schema cannot be written as SQL, a sentence each."""
        blocks = (each.block for each in self._sections if each.is_first)
        return tuple(f"{each.thing.kind} {each.thing.name}: {said}" for each in blocks for said in each.unwritten)

    @cached_property
    def _sections(self) -> tuple[Section, ...]:
        return in_order(self.schema)


def differing(old: str, new: str) -> list[str]:
    """Return the objects in which two texts differ, by kind and name, in the order of the newer one."""
    before, after = dict(_HEADING.findall(old)), dict(_HEADING.findall(new))
    changed = [name for name, checksum in after.items() if before.get(name) != checksum]
    return [*changed, *(name for name in before if name not in after)]


def _stands_later(sections: tuple[Section, ...]) -> dict[int, tuple[Piece, ...]]:
    """Return the statements of each block that stand at the end: foreign keys to tables further down."""
    found: dict[int, tuple[Piece, ...]] = {}
    for section in sections:
        if not section.is_first:
            keys = tuple(piece for piece in section.pieces if piece.role in AT_THE_END)
            found[id(section.block)] = found.get(id(section.block), ()) + keys
    return found


def _written(section: Section, name: str, later: tuple[Piece, ...]) -> str:
    return "\n".join(_lines(section, f"-- {name}", later)) + "\n"


def _lines(section: Section, name: str, later: tuple[Piece, ...]) -> Iterator[str]:
    if section.is_first:
        yield name
        yield f"-- checksum {_checksum(section.block)}"
    elif section.is_shell:
        yield f"{name}: announced, because its own functions need it"
    else:
        yield f"{name}: what needs objects above"
    for number, piece in enumerate(section.pieces):
        if number:
            yield ""
        yield f"{piece.sql};"
    if section.is_first and later:
        yield ""
        yield from (f"-- at the end of this file: {_in_one_line(piece)}" for piece in later)


def _in_one_line(piece: Piece) -> str:
    first, *rest = piece.sql.split("\n")
    return " ".join(line.strip() for line in (rest or [first]))


def _checksum(block: Block) -> str:
    return hashlib.sha256(block.text.encode()).hexdigest()[:_CHECKSUM_LENGTH]
