"""A reviewed migration cut into several: each part of its up file with what the down file has for it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlmigrate.identifiers import QUALIFIED, displayed
from sqlmigrate.parsing.script import Script
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.parsing.tokens import blanked

from .batches import write
from .case import Case
from .draft import NOTHING_TO_UNDO, Draft, Pair
from .edited import edited
from .names import file_name
from .swaps import Swap, order_matters, swaps

_WORD = re.compile(r"\w+")
_INSERT = re.compile(rf"insert\s+into\s+(?P<table>{QUALIFIED})", re.IGNORECASE)
_IRREVERSIBLE = "-- sqlmigrate: irreversible (executed again after down, it would write its rows twice)\n"


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
    """Return the reviewed migration as several; None if nothing is cut and nothing is changed.

    What puts another table in the place of an old one stays in one file, with what fills it. If nothing else is to be
    cut, the draft has only the sentences that say so.
    """
    found = [each for each in parts if each.numbers or each.up]
    for swap in swaps(case):
        joined = _joined(found, swap)
        if len(joined) < len(found):
            found, before = joined, (*before, *swap.sentences())
    if not found or (len(found) == 1 and not found[0].up):
        return Draft(Pair("", ""), (), before) if before else None
    script = case.subject.up
    ups = [each.up or only(script, each.numbers) for each in found]
    downs = _downs(case.down, [[script.statements[number - 1] for number in each.numbers] for each in found])
    pairs = [_pair(case, *each) for each in zip(found, ups, downs, strict=True)]
    return Draft(pairs[0], tuple(pairs[1:]), before)


def _joined(parts: Sequence[Part], swap: Swap) -> list[Part]:
    """Return the parts with those as one that a swap needs together."""
    places = [index for index, each in enumerate(parts) if {*each.numbers} & {*swap.numbers}]
    if not places or places[0] == places[-1]:
        return list(parts)
    first, last = places[0], places[-1]
    numbers = tuple(sorted(number for each in parts[first : last + 1] for number in each.numbers))
    return [*parts[:first], Part(parts[first].name, numbers), *parts[last + 1 :]]


def in_order(case: Case, part: Callable[[int], Part]) -> list[Part]:
    """Return the reviewed migration with some statements in parts of their own, behind the others.

    A statement stays behind the ones that it may depend on: `DROP COLUMN` behind the `UPDATE` that reads the column.

    Args:
        case: The case; the statements that its findings are about get a part of their own.
        part: What makes such a part.
    """
    own = {each.facts.number for each in case.statements}
    first: list[int] = []
    found: list[Part] = []
    moved: list[int] = []
    for number, statement in enumerate(case.subject.up.statements, 1):
        if number in own:
            found.append(part(number))
        elif not order_matters(case, number, moved):
            first.append(number)
            continue
        elif moved[-1] in own:
            found.append(Part(file_name(*statement.title.split()[:3]), (number,)))
        else:
            found[-1] = replace(found[-1], numbers=(*found[-1].numbers, number))
        moved.append(number)
    return [Part("", tuple(first)), *found]


def _pair(case: Case, part: Part, up: str, down: str) -> Pair:
    """Return the files of a part. What inserts rows that nothing removes cannot be undone: a second up doubles them."""
    if part.down or down != NOTHING_TO_UNDO:
        return Pair(part.name, up, part.down or down)
    statements = [case.subject.up.statements[number - 1] for number in part.numbers]
    adding = [each for each in statements if _adds_again(each)]
    if not adding:
        return Pair(part.name, up, down)
    tables = [_filled_table(case, each) for each in adding]
    if all(tables):  # the reviewed down file drops them with their rows
        return Pair(part.name, up, "".join(f"delete from {each};\n" for each in dict.fromkeys(tables)))
    return Pair(part.name, f"{_IRREVERSIBLE}{up}")


def _adds_again(statement: Statement) -> bool:
    """Return whether a second execution of a statement may write more than the first."""
    text = blanked(statement.text, "comment").strip()
    if re.search(r"\bon\s+conflict\b.*\bdo\s+nothing\b", text, re.IGNORECASE | re.DOTALL):
        return False
    found = write(text)
    if found:
        return not found.can_be_repeated
    return re.match(r"(?:insert|copy|merge)\b|with\b.*\binsert\b", text, re.IGNORECASE | re.DOTALL) is not None


def _filled_table(case: Case, statement: Statement) -> str:
    """Return the table that an INSERT fills, if the reviewed file creates it; empty for another statement."""
    found = _INSERT.match(blanked(statement.text, "comment").strip())
    table = case.table(displayed(found["table"])) if found else None
    return displayed(table.name) if table and table.identity not in case.before.identities else ""


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
