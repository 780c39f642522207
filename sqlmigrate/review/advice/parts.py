"""A reviewed migration cut into several: each part of its up file with what the down file has for it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlmigrate.parsing.script import Script
from sqlmigrate.parsing.statement import Statement

from .case import Case
from .draft import NOTHING_TO_UNDO, Draft, Pair
from .edited import edited

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Part:
    """One of the migrations that a reviewed migration is cut into.

    Attributes:
        name: the name of its files; the first part keeps the name of the migration
        numbers: its statements, by their numbers in the up file, from 1
        up: the text of its up file, if it is not simply those statements
        down: the text of its down file, if it is not what the reviewed down file has for them
    """

    name: str
    numbers: tuple[int, ...]
    up: str = ""
    down: str = ""


def cut(case: Case, parts: Sequence[Part], *before: str) -> Draft | None:
    """Return the reviewed migration as several; None if nothing is cut and nothing is changed."""
    parts = [each for each in parts if each.numbers or each.up]
    if not parts or (len(parts) == 1 and not parts[0].up):
        return None
    script = case.subject.up
    ups = [each.up or only(script, each.numbers) for each in parts]
    downs = _downs(case.down, [[script.statements[number - 1] for number in each.numbers] for each in parts])
    pairs = [Pair(part.name, up, part.down or down) for part, up, down in zip(parts, ups, downs, strict=True)]
    return Draft(pairs[0], tuple(pairs[1:]), before)


def only(script: Script, numbers: Collection[int]) -> str:
    """Return the text of a file with these statements only."""
    return edited(script, {number: "" for number in range(1, len(script.statements) + 1) if number not in numbers})


def _downs(down: Script | None, parts: Sequence[Sequence[Statement]]) -> list[str]:
    """Return the down file of each part: a statement belongs to the part that has most of its rare words."""
    if down is None:
        return [""] * len(parts)
    words = [{word for statement in part for word in _words(statement)} for part in parts]
    counts = Counter(word for each in words for word in each)
    chosen: Mapping[int, int] = {
        number: _nearest(_words(statement), words, counts) for number, statement in enumerate(down.statements, 1)
    }
    texts = ([number for number, part in chosen.items() if part == index] for index in range(len(parts)))
    return [only(down, numbers) or NOTHING_TO_UNDO for numbers in texts]


def _nearest(own: Collection[str], words: Sequence[Collection[str]], counts: Mapping[str, int]) -> int:
    scores = [sum(1 / counts[word] for word in own if word in each) for each in words]
    return max(range(len(words)), key=lambda index: (scores[index], index))


def _words(statement: Statement) -> set[str]:
    return {word.lower() for word in _WORD.findall(statement.text)}
