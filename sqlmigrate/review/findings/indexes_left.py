"""Findings of indexes that remain with the old table when another one gets its name.

A unique index is reported as what it guarantees. An index for speed is missed only by those who wait for a query.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlmigrate.catalog.objects import Object
from sqlmigrate.identifiers import displayed
from sqlmigrate.review.rules import replaced
from sqlmigrate.review.rules.rule import Finding

from .definitions import IndexDefinition, index_definition
from .subject import Subject
from .successors import VIEWS, Successor

_ORDERED = "btree"  # the one method that serves queries about the first of its columns as well


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
    current = [index for each in pair.now.parts_of(pair.after, "index") if (index := _valid(each))]
    for each in pair.was.parts_of(pair.before, "index"):
        old = _valid(each)
        is_known = each.identity in pair.base.by_identity
        if old is None or not is_known or old.is_unique or pair.uses_gone_column(each.definition):
            continue
        if not any(_serves(index, old) for index in current):
            yield each


def _valid(index: Object) -> IndexDefinition | None:
    return index_definition(index.definition) if index.attributes.get("valid") != "false" else None


def _serves(index: IndexDefinition, other: IndexDefinition) -> bool:
    """Return whether an index serves the queries of another one too."""
    if index.method != other.method or index.where not in ("", other.where):
        return False
    same = index.columns[: len(other.columns)] if index.method == _ORDERED else index.columns
    return same == other.columns
