"""Folders of hundreds of migrations, as years of work leave them behind, with everything that PostgreSQL knows.

What happens stands in `stories/*.sql`. A story is a part of an application that grows: its chapters are migrations,
each with its way back, told in their order. Here stories are told again and again, side by side, each telling with a
number of its own for `@n` and its own choice for every `@{one|or|another}`; and files are dressed as they are found in
the wild: wrapped in BEGIN and COMMIT, with CRLF, with a byte order mark, without an end of their last line.

The same seed tells the same, letter for letter.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

STORIES = Path(__file__).parent / "stories"
_CHAPTER = re.compile(
    r"^--- up (?P<name>\S+)(?: \((?P<marks>[^)\n]*)\))?\n(?P<up>.*?)^--- down\n(?P<down>.*?)(?=^--- up |\Z)",
    re.MULTILINE | re.DOTALL,
)
_CHOICE = re.compile(r"@\{([^}]*)\}")
_SIDE_BY_SIDE = 6  # stories that are told at once
_SOME = 0.15  # of the files are dressed in one way or another


@dataclass(frozen=True)
class Chapter:
    """A migration of a story; what is `alone` runs in no transaction."""

    name: str
    up: str
    down: str
    alone: bool = False
    since: int = 0  # the oldest PostgreSQL that knows what it does


@dataclass(frozen=True)
class Written:
    """A migration as it stands in the folder; what is `wrapped` brings its own BEGIN, what is `alone` needs none."""

    label: str
    chapter: str
    up: str
    down: str
    is_wrapped: bool
    is_alone: bool


def stories(version: int, without: Collection[str] = ()) -> list[list[Chapter]]:
    """Give the stories that a PostgreSQL of this version understands, but for some."""
    paths = [path for path in sorted(STORIES.iterdir()) if path.stem not in without]
    told = [[chapter for chapter in _chapters(path) if chapter.since <= version] for path in paths]
    return [story for story in told if story]


def _chapters(path: Path) -> Iterator[Chapter]:
    for match in _CHAPTER.finditer(path.read_text(encoding="utf-8")):
        marks = (match["marks"] or "").split(", ")
        since = next((int(mark) for mark in marks if mark.isdecimal()), 0)
        yield Chapter(match["name"], match["up"], match["down"], "alone" in marks, since)


def migrations(number: int, seed: int, version: int, without: Collection[str] = ()) -> list[Written]:
    """Make `number` migrations: every story is told, but for those without which it shall be, most more than once."""
    chance = random.Random(seed)
    labels = _versions(number, chance)
    told = (_with_own_roles(chapter, seed) for chapter in _told(chance, version, without))
    return [_dressed(label, chapter, chance) for label, chapter in zip(labels, told, strict=False)]


def _with_own_roles(chapter: Chapter, seed: int) -> Chapter:
    """Name roles after the history: they belong to the server, and one that was cut short may have left its own."""

    def own(text: str) -> str:
        return text.replace("sqlmigrate_", f"sqlmigrate_{seed}_")

    return replace(chapter, up=own(chapter.up), down=own(chapter.down))


def _told(chance: random.Random, version: int, without: Collection[str]) -> Iterator[Chapter]:
    """Tell stories side by side without end, a chapter of one, a chapter of another."""
    numbers = count(1)
    all_stories = stories(version, without)
    begun: list[Iterator[Chapter]] = []
    waiting: list[list[Chapter]] = []
    while True:
        if len(begun) < _SIDE_BY_SIDE:
            waiting = waiting or chance.sample(all_stories, len(all_stories))
            begun.append(_telling(waiting.pop(), next(numbers), chance))
        story = chance.choice(begun)
        chapter = next(story, None)
        if chapter is None:
            begun.remove(story)
        else:
            yield chapter


def _telling(story: Iterable[Chapter], number: int, chance: random.Random) -> Iterator[Chapter]:
    """Tell a story once: with its number, and the same choice wherever the same is to be chosen."""
    story = list(story)
    choices: dict[str, str] = {}
    has_crlf = chance.random() < _SOME and not any("stdin" in chapter.up.lower() for chapter in story)

    def chosen(match: re.Match[str]) -> str:
        return choices.setdefault(match[0], chance.choice(match[1].split("|")))

    def told(text: str) -> str:
        text = _CHOICE.sub(chosen, text).replace("@n", str(number))
        return text.replace("\n", "\r\n") if has_crlf else text

    for chapter in story:
        yield Chapter(f"{chapter.name}-{number}", told(chapter.up), told(chapter.down), chapter.alone)


def _versions(number: int, chance: random.Random) -> list[str]:
    """Number the first two thirds; then the team went over to time stamps."""
    time = datetime(2026, 2, 13, 12, 5, 30, tzinfo=UTC)
    numbered = number * 2 // 3
    versions = [f"{version:03}" for version in range(1, numbered + 1)]
    for _ in range(number - numbered):
        time += timedelta(seconds=chance.randint(1, 400_000))
        versions.append(time.strftime("%Y%m%d_%H%M%S"))
    return versions


def _dressed(version: str, chapter: Chapter, chance: random.Random) -> Written:
    up = _wrapped(chapter.up, chance) if not chapter.alone else chapter.up
    down = _wrapped(chapter.down, chance) if "concurrently" not in chapter.down else chapter.down
    label, name = f"{version}_{chapter.name}", chapter.name.rpartition("-")[0]
    wrapped = up != chapter.up
    return Written(label, name, _finished(up, chance), _finished(down, chance), wrapped, chapter.alone)


def _wrapped(text: str, chance: random.Random) -> str:
    if chance.random() > _SOME or not text.rstrip().endswith(";"):
        return text
    end = "\r\n" if "\r\n" in text else "\n"
    begin = chance.choice(["BEGIN;", "begin transaction;", "START TRANSACTION ISOLATION LEVEL READ COMMITTED;"])
    return f"-- Wrapped, as other tools want it.{end}{begin}{end}{text}{chance.choice(['COMMIT;', 'end;'])}{end}"


def _finished(text: str, chance: random.Random) -> str:
    head = chance.choice(["", "", "", "\ufeff", "\n\n", "-- Ticket 4711; see the page of the team.\n\n"])
    return head + (text.rstrip("\r\n") if chance.random() < _SOME and not text.endswith("\\.\n") else text)


def write(folder: Path, written: Iterable[Written]) -> None:
    """Write a folder of migrations."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in written:
        for direction, text in (("up", one.up), ("down", one.down)):
            (folder / f"{one.label}.{direction}.sql").write_text(text, encoding="utf-8", newline="")


def script_for_psql(folder: Path, written: Iterable[Written]) -> str:
    """Give what lets psql execute the up files as we do: each in one transaction, the session as new before each."""
    parts = []
    for one in written:
        path = str(folder / f"{one.label}.up.sql").replace("'", "''")
        included = f"\\i '{path}'\n"
        parts.append(included if one.is_wrapped or one.is_alone else f"begin;\n{included}commit;\n")
    return "discard all;\n".join(parts)
