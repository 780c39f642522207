"""Findings of indexes that remain with the old table when another one gets its name.

A unique index is reported as what it guarantees. An index for speed is missed only by those who wait for a query.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlmigrate.catalog.objects import Object
from sqlmigrate.identifiers import IDENTIFIER, QUALIFIED, displayed, plain
from sqlmigrate.review.rules import replaced
from sqlmigrate.review.rules.rule import Finding

from .definitions import list_in_brackets, unique_key
from .subject import Subject
from .successors import VIEWS, Successor

_INDEX = re.compile(rf"^CREATE (?:UNIQUE )?INDEX .+? ON (?:ONLY )?{QUALIFIED} USING (\w+) \(", re.DOTALL)
_ORDERED = "btree"  # the one method that serves queries about the first of its columns as well


@dataclass(frozen=True)
class _Served:
    """Which queries an index serves.

    Attributes:
        method: its access method
        columns: its columns and expressions, with operator class and order
        condition: what follows them: INCLUDE, storage parameters, WHERE
    """

    method: str
    columns: tuple[str, ...]
    condition: str

    def serves(self, other: _Served) -> bool:
        """Return whether it serves the queries of another index too."""
        if self.method != other.method or self.condition.partition(" WHERE ")[2] not in ("", _where(other)):
            return False
        same = self.columns[: len(other.columns)] if self.method == _ORDERED else self.columns
        return same == other.columns


def _where(index: _Served) -> str:
    return index.condition.partition(" WHERE ")[2]


def find(subject: Subject) -> Iterator[Finding]:
    """Return the findings of indexes that the table which has the name now lacks."""
    for pair in subject.successors:
        if not pair.is_other or {pair.before.kind, pair.after.kind} & {*VIEWS} or subject.is_known(pair.after):
            continue
        for index in missing(pair):
            left = pair.now.by_identity.get(index.identity)
            message = (
                f"the index `{displayed(pair.before.name)}.{index.path[-1]}` is gone: queries read the whole table"
            )
            message += f"; still on `{displayed(left.table)}`" if left else ""
            yield subject.finding(replaced.INDEX_NOT_COPIED, subject.place_of_name(pair.after), message)


def missing(pair: Successor) -> Iterator[Object]:
    """Return the valid indexes of the old relation, without unique ones, whose queries no index of the new serves."""
    current = [served for each in pair.now.parts_of(pair.after, "index") if (served := _served(each))]
    for index in pair.was.parts_of(pair.before, "index"):
        old = _served(index)
        is_known = index.identity in pair.base.by_identity
        if old is None or not is_known or unique_key(index.definition) or _uses_gone_column(pair, index):
            continue
        if not any(each.serves(old) for each in current):
            yield index


def _served(index: Object) -> _Served | None:
    head = _INDEX.match(index.definition)
    if head is None or index.attributes.get("valid") == "false":
        return None
    *columns, rest = list_in_brackets(index.definition[head.end() :])
    return _Served(head[1], tuple(columns), rest)


def _uses_gone_column(pair: Successor, index: Object) -> bool:
    words = {plain(word) for word in re.findall(IDENTIFIER, index.definition)}
    return any(column in words for column in pair.gone_columns)
