"""What `fleet status` and `fleet drift` show as text: targets that stand alike, together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.output.excerpt import Line, cell_count, printable
from sqlmigrate.spelling import plural

from .agreeing import Known, after_failure
from .causes import MOST_NAMES, Causes, names_in_short
from .inspection import Drifted, Standing
from .results import Group, grouped

_UNREACHABLE, _UNREADABLE = "cannot be reached", "cannot be read"
_MOST_LABELS = 2  # of migrations that are named in one line
KINDS = ("up to date", "pending", "under way", "need attention", _UNREACHABLE, _UNREADABLE)


def standing_lines(standings: Mapping[str, Standing], causes: Causes) -> Iterator[Line]:
    """Return the table: a row for each version and what is pending there, with the number of targets."""
    rows: dict[tuple[int, str, str, str], list[str]] = {}
    for name, standing in standings.items():
        label = "" if standing.error else printable(standing.newest) or "nothing executed"
        rows.setdefault((standing.number, label, *_what(standing)), []).append(name)
    column = max((cell_count(label) for _, label, *_ in rows), default=0)
    counts = {key: plural(len(names), "target") for key, names in rows.items()}
    room = max(map(len, counts.values()), default=0)
    for key in sorted(rows, key=lambda key: (-key[0], not key[1], key[3])):
        _, label, mark, what = key
        names = "" if mark == "✅" and not causes.is_verbose else f": {causes.names(rows[key])}"
        style = {"✅": "green", "❌": "red"}.get(mark, "yellow")
        gap = " " * (column - cell_count(label))
        yield [(style, mark), ("", f" {label}{gap}   {counts[key]:>{room}}   {what}{names}")]


def attention_words(standing: Standing) -> list[str]:
    """Name the migrations that need attention, by what is the matter with them."""
    return [f"{names_in_short(labels, _MOST_LABELS)} {state}" for state, labels in standing.attention]


def _what(standing: Standing) -> tuple[str, str]:
    """Return a mark and words for where a target stands."""
    if standing.error:
        return "❌", kind_of(standing)
    words = attention_words(standing)
    if standing.pending and (standing.run or not words):
        words.append(f"{standing.pending} pending")
    if standing.run:
        return "⏳", ", ".join([*words, "a run is under way"])
    if standing.failures:
        return "❌", ", ".join(words)
    if standing.attention or standing.stops:
        return "⚠️", ", ".join(words) or "nothing pending"
    return ("⏸️", words[0]) if words else ("✅", "up to date")


def standing_total(standings: Mapping[str, Standing]) -> str:
    """Count the targets by where they stand."""
    counts = Counter(map(kind_of, standings.values()))
    return " · ".join(f"{counts[kind]:,} {kind}" for kind in KINDS if counts[kind])


def kind_of(standing: Standing) -> str:
    """Return where a target stands: one of `KINDS`."""
    if standing.error:
        return _UNREACHABLE if standing.is_unreachable else _UNREADABLE
    if standing.attention or (standing.stops and not standing.run):
        return "need attention"
    if standing.run:
        return "under way"
    return "pending" if standing.pending else "up to date"


def differ(standings: Mapping[str, Standing]) -> bool:
    """Tell whether executed files were changed or are missing somewhere: `verify` says what differs."""
    return any(state in ("changed", "missing") for each in standings.values() for state, _ in each.attention)


def agreement(standings: Mapping[str, Standing]) -> str:
    """Return where all targets stand, if that is one place and up to date; empty if they differ."""
    places = {(each.newest, kind_of(each) == "up to date") for each in standings.values()}
    if len(places) != 1:
        return ""
    ((newest, is_settled),) = places
    return f"all at {newest}, up to date" if newest and is_settled else ""


# -- why they stand there ----------------------------------------------------------------------------------------------


def troubles(standings: Mapping[str, Standing], ask_all: str = "") -> tuple[Group, ...]:
    """Return why targets are not known, and why migrations have failed there.

    `ask_all` is the call that also asks the targets that were not chosen: they may have executed what has failed here.
    """
    executed, known = Counter(path for each in standings.values() for path in each.executed), Known(ask_all=ask_all)
    errors = ((name, each.error) for name, each in standings.items() if each.error)
    failures = (
        (name, after_failure(failure.error, executed[failure.path], known))
        for name, each in standings.items()
        for failure in each.failures
    )
    return (*grouped(errors), *grouped(failures))


def stops(standings: Mapping[str, Standing]) -> tuple[Group, ...]:
    """Return why `up` would not begin."""
    newer = SqlmigrateError("this folder is older than the database: newer migrations were executed there")
    found = ((name, stop) for name, each in standings.items() for stop in each.stops)
    return (*grouped((name, newer) for name, each in standings.items() if each.is_newer), *grouped(found))


def runs(standings: Mapping[str, Standing]) -> tuple[Group, ...]:
    """Return which runs are under way: whose they are is said of each target."""
    found = []
    for name, each in standings.items():
        if each.run:
            is_seen = "may be" if each.run.is_unseen else "is"
            found.append((name, SqlmigrateError(f"a run {is_seen} under way", detail=[str(each.run)])))
    return grouped(found)


def notes_of(standings: Mapping[str, Standing]) -> tuple[SqlmigrateError, ...]:
    """Return what is wrong with the files, once: the folder is that of all targets.

    Where a file is executed somewhere, its note has no cure: that would change what the others have executed.
    """
    found: dict[str, SqlmigrateError] = {}
    for standing in standings.values():
        for note in standing.notes:
            if str(note) not in found or not note.hint:
                found[str(note)] = note
    return tuple(found.values())


# -- drift -------------------------------------------------------------------------------------------------------------


def together(found: Mapping[str, Drifted]) -> list[tuple[tuple[str, ...], list[str]]]:
    """Return the changes by hand, each with the names of the targets that have the same, those of the most first."""
    names: dict[tuple[str, ...], list[str]] = {}
    for name, each in found.items():
        if each.alike:
            names.setdefault(each.alike, []).append(name)
    return sorted(names.items(), key=lambda each: -len(each[1]))


def drift_lines(found: Mapping[str, Drifted], causes: Causes) -> Iterator[tuple[Line, int]]:
    """Return what was changed by hand: targets with the same changes together; each line with its indent."""
    for changes, names in together(found):
        yield [("bold", f"{plural(len(names), 'target')}: {causes.names(names)}")], 3
        shown: Sequence[str] = changes[: causes.most]
        yield from (([("", f"   {printable(change)}")], 6) for change in shown)
        if len(changes) > len(shown):
            yield [("", f"   and {len(changes) - MOST_NAMES} more: --verbose")], 3
        yield [], 0
