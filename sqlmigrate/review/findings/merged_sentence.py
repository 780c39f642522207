"""One sentence for several findings of a rule, made from their sentences.

Sentences that differ only in the names between backticks become one, with lists of names: ``an index on `a` is built``
and ``an index on `b` is built`` become ``an index on `a` and `b` is built``. Counts of rows are added. Sentences that
differ in more stand one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlmigrate.review.rules import locks, removed
from sqlmigrate.review.rules.down import DATA_NOT_RESTORED
from sqlmigrate.review.rules.rule import Finding
from sqlmigrate.spelling import plural

from .listing import listed, phrases

_CLAUSES = 3  # sentences in one message
_EARLIER = ", which an earlier statement took"
# The counts in their sentences are of rows of one table, and can be added.
_SUMMED = frozenset(
    {locks.HIDDEN_WRITES, locks.BULK_DML, locks.WORK_UNDER_LOCK, removed.ROWS_LOST, removed.TRUNCATE, DATA_NOT_RESTORED}
)
_KIND = (
    r"(?:partitioned |foreign )?table|column|(?:materialized )?view|function|procedure|aggregate|(?:composite )?type|"
    r"enum|domain|range|constraint|trigger|default|policy|index|sequence|schema|statistics|extension|rule|"
    r"body of|owner of|default of|unique constraint|unique index|primary key|foreign key|exclusion constraint|"
    r"CHECK|label"
)
_SLOT = re.compile(
    rf"(?:\b(?P<article>the (?:new )?)(?P<kind>{_KIND}) )?`(?P<name>[^`]+)`"
    r"|(?P<count>\d+(?:,\d{3})*)(?P<rows> rows?\b)?"
)
_PLURALS = {
    "index": "indexes",
    "policy": "policies",
    "statistics": "statistics",
    "body of": "bodies of",
    "owner of": "owner of",
    "default of": "defaults of",
    "unique index": "unique indexes",
}
_BEFORE_SUBJECT = re.compile(r"(?:^|[;:,] |\bwhile |\bwhere )$")
# What follows a subject, or says something of it later, in singular and plural.
_VERBS = ((" is ", " are "), (" has ", " have "), (" was ", " were "), (" no longer fires", " no longer fire"),
          (" no longer works", " no longer work"), (" does ", " do "), (" locks ", " lock "),
          (" depends on ", " depend on "), (" refuses ", " refuse "))  # fmt: skip
_LATER = ((" still use it ", " still use them "), (" the old name", " the old names"), ("without it", "without them"),
          ("does not name it", "does not name them"), (": it is now ", ": they are now "),
          (" the old label", " the old labels"), (": it names ", ": they name "),
          ("leaves it out", "leaves them out"), (", and has ", ", and have "),
          (", and is NOT NULL", ", and are NOT NULL"))  # fmt: skip


@dataclass(frozen=True)
class _Sentence:
    """A sentence, taken apart.

    Attributes:
        texts: what stands between the slots; one more than there are slots
        slots: the names with their kind, and the counts
    """

    texts: tuple[str, ...]
    slots: tuple[re.Match[str], ...]

    @property
    def form(self) -> tuple[object, ...]:
        """What sentences that can be one have in common."""
        return self.texts, tuple("count" if each["count"] else "name" for each in self.slots)

    @property
    def counts(self) -> tuple[int, ...]:
        """The counts in it."""
        return tuple(_number(each["count"]) for each in self.slots if each["count"])


def merged_sentence(findings: Sequence[Finding], parents: Mapping[str, str]) -> str:
    """Return one sentence for findings of one rule.

    Args:
        findings: The findings, at least one.
        parents: The partitioned table of each partition, by names as messages show them.
    """
    is_summed = findings[0].rule in _SUMMED
    groups: dict[tuple[object, ...], list[_Sentence]] = {}
    for message in _messages(findings):
        sentence = _taken_apart(message)
        fixed = () if is_summed else tuple(each["count"] for each in sentence.slots)
        groups.setdefault((*sentence.form, fixed), []).append(sentence)
    clauses = [_joined(_largest(each) if is_summed else each, parents, is_summed=is_summed) for each in groups.values()]
    more = f"; {plural(len(clauses) - _CLAUSES, 'more case')}" if len(clauses) > _CLAUSES else ""
    return "; ".join(_with_one_head(clauses[:_CLAUSES])) + more


def _with_one_head(clauses: Sequence[str]) -> Sequence[str]:
    """Leave out of the later clauses what all begin with, up to a colon, if that names nothing."""
    head, colon, _ = clauses[0].partition(": ")
    if "`" in head or not colon or not all(each.startswith(f"{head}{colon}") for each in clauses):
        return clauses
    return [clauses[0], *(each.removeprefix(f"{head}{colon}") for each in clauses[1:])]


def _messages(findings: Sequence[Finding]) -> list[str]:
    """Return the sentences; which statement took the lock is left out where that differs."""
    messages = list(dict.fromkeys(each.message for each in findings))
    if all(_EARLIER in message for message in messages):
        return messages
    return list(dict.fromkeys(message.replace(_EARLIER, "") for message in messages))


def _taken_apart(message: str) -> _Sentence:
    slots = tuple(_SLOT.finditer(message))
    ends = [0, *(each.end() for each in slots)]
    starts = [*(each.start() for each in slots), len(message)]
    return _Sentence(tuple(message[end:start] for end, start in zip(ends, starts, strict=True)), slots)


def _largest(sentences: Sequence[_Sentence]) -> list[_Sentence]:
    """Return one sentence for each table: rows that two statements write are not added."""
    found: dict[tuple[str, ...], _Sentence] = {}
    for each in sentences:
        names = tuple(slot["name"] for slot in each.slots if slot["name"])
        if names not in found or each.counts > found[names].counts:
            found[names] = each
    return list(found.values())


def _joined(sentences: Sequence[_Sentence], parents: Mapping[str, str], *, is_summed: bool) -> str:
    """Write sentences of one form as one."""
    made, is_later_plural = "", False
    for index, text in enumerate(sentences[0].texts):
        said, is_plural = (
            _slot([each.slots[index - 1] for each in sentences], parents, is_summed=is_summed) if index else ("", False)
        )
        is_subject = bool(index) and bool(_BEFORE_SUBJECT.search(sentences[0].texts[index - 1]))
        made += said
        if is_plural and is_subject:
            is_later_plural = True
            made += _replaced(_replaced(text, _VERBS, at_start=True), _LATER)
        else:
            made += _replaced(text, _LATER) if is_later_plural else text
    return made


def _replaced(text: str, words: Sequence[tuple[str, str]], *, at_start: bool = False) -> str:
    for singular, many in words:
        if text.startswith(singular) or not at_start:
            text = text.replace(singular, many, 1)
    return text


def _slot(matches: Sequence[re.Match[str]], parents: Mapping[str, str], *, is_summed: bool) -> tuple[str, bool]:
    """Return what stands in a slot, and whether it is more than one thing."""
    first = matches[0]
    if first["count"]:
        total = sum(_number(each["count"]) for each in matches) if is_summed else _number(first["count"])
        return (f"{total:,}" + ((" rows" if total != 1 else " row") if first["rows"] else "")), False
    by_kind: dict[str, list[str]] = {}
    for each in matches:
        names = by_kind.setdefault(each["kind"] or "", [])
        if each["name"] not in names:
            names.append(each["name"])
    said = [
        (_article(first["article"], kind, found := phrases(names, parents)), found) for kind, names in by_kind.items()
    ]
    things = [thing for _, found in said for thing in found]
    is_plural = len(things) > 1 or not re.fullmatch("`[^`]+`", things[0])
    return listed([words for words, _ in said], most=len(said)), is_plural


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def _article(article: str | None, kind: str, things: Sequence[str]) -> str:
    if not kind:
        return listed(things)
    noun = kind if len(things) == 1 and things[0].count("`") == 2 else _PLURALS.get(kind, f"{kind}s")  # noqa: PLR2004 - one name
    return f"{article or ''}{noun} {listed(things)}"
