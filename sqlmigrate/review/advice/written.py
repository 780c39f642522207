"""An advice as text to paste: whole files, and of long files only the statements that change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import SequenceMatcher

from sqlmigrate.files.migration import normalized
from sqlmigrate.files.naming import version_after
from sqlmigrate.parsing.script import Script
from sqlmigrate.review.results import Reviewed

from .draft import Draft, Pair

_MOST_LINES = 120  # a longer advice is read by no one
_LONG = 40  # lines: of a longer file only what changes is shown
_QUOTED = 50  # characters of the first line that is replaced
_FROM_THE_END = "-- of a long file only what changes is shown, from its end, so that the line numbers stay right"
_EARLY = datetime.min.replace(tzinfo=UTC)  # so that a time stamp is that of the newest file, and one second


def written(draft: Draft, reviewed: Reviewed, newest: str) -> tuple[str, str]:
    """Return an advice as text, and the newest version after it.

    Each file is under a line with its name, or with the lines that change; a file that stays as it is is left out. The
    text is empty if it would be too long to be read.

    Args:
        draft: The files.
        reviewed: The reviewed migration, which keeps its version and name.
        newest: The newest version so far; the further files get the versions after it.
    """
    lines = [f"-- {line}" for line in draft.before]
    later = draft.later if draft.has_own else draft.later[1:]
    own_files = list(_own_files(_first(draft), reviewed))
    lines += [_FROM_THE_END] if sum(line.startswith("-- in ") for line in own_files) > 1 else []
    lines += own_files
    after = newest
    for pair in later:
        after = version_after(after, _EARLY)
        for direction, text in (("up", pair.up), ("down", pair.down)):
            lines += _file(f"{after}_{pair.name}.{direction}.sql", text) if text else []
    return ("\n".join(lines) + "\n", after) if len(lines) <= _MOST_LINES else ("", newest)


def changed_files(draft: Draft, reviewed: Reviewed) -> list[str]:
    """Return the names of the reviewed files that an advice changes."""
    return [name for name, old, new in _texts(_first(draft), reviewed) if old is not None and new != old]


def _first(draft: Draft) -> Pair:
    return draft.own if draft.has_own else draft.later[0] if draft.later else draft.own


def _texts(pair: Pair, reviewed: Reviewed) -> Iterator[tuple[str, str | None, str | None]]:
    """Return the name of each reviewed file, its text, and its new one; None for no file."""
    migration = reviewed.migration
    old_down = normalized(migration.down.text) if migration.down else None
    if pair.up:
        yield f"{migration.label}.up.sql", normalized(migration.up.text), normalized(pair.up)
    # a down file that cannot be read stays
    is_kept = not pair.up or reviewed.down is None
    if pair.down or not is_kept:
        yield f"{migration.label}.down.sql", old_down, normalized(pair.down) if pair.down else None


def _own_files(pair: Pair, reviewed: Reviewed) -> Iterator[str]:
    for name, old, new in _texts(pair, reviewed):
        if new is None:
            yield from [f"-- delete {name}"] if old is not None else []
        elif old is None:
            yield from _file(name, new)
        elif new != old:
            script = reviewed.down if name.endswith(".down.sql") else reviewed.up
            yield from _changed(name, old, new, script)


def _file(name: str, text: str) -> list[str]:
    return [f"-- {name}", *text.strip("\n").split("\n")]


# -- long files --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    """Lines of a file, and those that take their place.

    Attributes:
        start: the first line, from 0
        old: the lines; empty for new ones before `start`
        new: the lines that take their place; empty to delete them
    """

    start: int
    old: tuple[str, ...]
    new: tuple[str, ...]

    def lines(self, name: str) -> list[str]:
        """Return what to do, and the lines to paste."""
        first, last = self.start + 1, self.start + len(self.old)
        if not self.old:
            where = f"after line {self.start}" if self.start else "before line 1"
            return [f"-- in {name}, add {where}:", *self.new]
        which = f"line {first}" if first == last else f"lines {first} to {last}"
        quoted = self.old[0].strip()
        quoted = quoted if len(quoted) <= _QUOTED else f"{quoted[: _QUOTED - 2].rstrip()} …"
        what = f"replace {which} ({quoted}) by:" if self.new else f"delete {which} ({quoted})"
        return [f"-- in {name}, {what}", *self.new]


def _changed(name: str, old: str, new: str, script: Script | None) -> list[str]:
    """Return a changed file: the places that change if the file is long and most of it stays, or else the whole."""
    before, after = old.rstrip("\n").split("\n"), new.rstrip("\n").split("\n")
    if len(before) <= _LONG:
        return _file(name, new)
    statements = [(each.span.line - 1, each.span.end_line - 1) for each in script.statements] if script else []
    places = _places(before, after, statements)
    if sum(len(each.new) + 1 for each in places) * 2 > len(after):
        return _file(name, new)
    # from the last place to the first, so that the numbers of the lines above stay right
    return [line for each in reversed(places) for line in each.lines(name)]


def _places(old: Sequence[str], new: Sequence[str], statements: Sequence[tuple[int, int]]) -> list[_Place]:
    """Return what differs between two texts, in whole statements."""
    kept: dict[int, int] = {}
    for a, b, size in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
        kept.update((a + number, b + number) for number in range(size) if old[a + number].strip())
    for first, last in statements:
        lines = range(first, last + 1)
        if not _stays(kept, old, lines):
            for line in lines:
                kept.pop(line, None)
    found = []
    at_old = at_new = 0
    for line, there in [*sorted(kept.items()), (len(old), len(new))]:
        place = _trimmed(at_old, old[at_old:line], new[at_new:there])
        if place.old != place.new:
            found.append(place)
        at_old, at_new = line + 1, there + 1
    return found


def _stays(kept: Mapping[int, int], old: Sequence[str], lines: range) -> bool:
    """Return whether these lines follow each other in the new text too; empty lines do not count."""
    said = [line for line in lines if old[line].strip()]
    if any(line not in kept for line in said):
        return False
    return not said or kept[said[-1]] - kept[said[0]] == said[-1] - said[0]


def _trimmed(start: int, old: Sequence[str], new: Sequence[str]) -> _Place:
    """Return a place without the empty lines around it; those of the file stay."""
    used = [number for number, line in enumerate(old) if line.strip()]
    said = [number for number, line in enumerate(new) if line.strip()]
    new = new[said[0] : said[-1] + 1] if said else ()
    if not used:
        return _Place(start, (), tuple(new))
    return _Place(start + used[0], tuple(old[used[0] : used[-1] + 1]), tuple(new))
