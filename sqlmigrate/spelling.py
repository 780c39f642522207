"""Words: the known name that a misspelled one most likely stands for, a count with its noun, a list that is cut.

Every "did you mean" of the program comes from here, so all of them follow one rule and have one wording.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

_ALIKE = 0.6  # of 1.0, which is the same text; difflib's own default
_WILDCARD = re.compile(r"[*?\[]")


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: ``1 table``, ``1,200 tables``."""
    return f"{count:,} {noun}" + ("s" if count != 1 else "")


def some(names: Sequence[str], most: int) -> str:
    """Return the first `most` names, and how many more there are: ``a, b and 3 more``."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def nearest(name: str, known: Iterable[str], most: int = 1) -> list[str]:
    """Return the known names that are spelled most like `name`, the best first; empty if none is similar.

    Also empty if more than `most` are as similar as the best one: none of them is more likely than the others.
    """
    import difflib  # noqa: PLC0415 - 5 ms, needed only for an error

    found = difflib.get_close_matches(name, list(known), n=most + 1, cutoff=_ALIKE)
    alike = {_likeness(name, each) for each in found}
    return found[:most] if len(found) <= most or len(alike) > 1 else []


def _likeness(name: str, other: str) -> float:
    import difflib  # noqa: PLC0415 - as above

    return difflib.SequenceMatcher(None, other, name).ratio()


def nearest_pattern(pattern: str, known: Iterable[str]) -> list[str]:
    """Return the pattern with ``*`` that a misspelled one most likely stands for; empty if none is similar.

    What stands before the first ``*`` or ``?`` is compared with how the known names begin.
    """
    known = list(known)
    found = _WILDCARD.search(pattern)
    if found is None:
        return nearest(pattern, known)
    begin, rest = pattern[: found.start()], pattern[found.start() :]
    lengths = range(max(1, len(begin) - 1), len(begin) + 2)
    beginnings = dict.fromkeys(
        name[:length] for name in known for length in lengths if fnmatchcase(name[length:], rest)
    )
    return [each + rest for each in nearest(begin, beginnings)]


def did_you_mean(name: str, known: Iterable[str], most: int = 1) -> str | None:
    """Return the question that suggests the nearest known names; None if none is similar."""
    return suggestion(nearest(name, known, most))


def suggestion(names: Sequence[str]) -> str | None:
    """Return the question that suggests these names; None if there are none."""
    return f"did you mean {' or '.join(f'`{each}`' for each in names)}?" if names else None
