"""Follows an advice to the letter: whole files, lines of long files, and files to delete."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlmigrate.files.migration import Migration
from sqlmigrate.source import Source

_LINE = re.compile(
    r"-- (?:(?P<delete>delete )|(?P<part>in ))?(?P<label>\w+)\.(?P<way>up|down)\.sql"
    r"(?(part), (?:(?P<verb>replace|delete) lines? (?P<first>\d+)(?: to (?P<last>\d+))? \(.*\)(?: by:)?"
    r"|add (?:after|before) line (?P<line>\d+):)|)"
)


def files_of(text: str) -> list[str]:
    """Return the names of the files that an advice names, each once, in its order."""
    found = (_LINE.fullmatch(line) for line in text.splitlines())
    return list(dict.fromkeys(f"{each['label']}.{each['way']}.sql" for each in found if each))


def paste(text: str, reviewed: Sequence[Migration]) -> tuple[Migration, ...]:
    """Return migrations with the files of an advice in the place of theirs, and the further ones."""
    files = {_name(source): source.text for each in reviewed for source in (each.up, each.down) if source}
    head: re.Match[str] | None = None
    pasted: list[str] = []
    for line in [*text.splitlines(), "-- end"]:
        found = _LINE.fullmatch(line)
        if found or line == "-- end":
            _paste(files, head, pasted)
            head, pasted = found, []
        else:
            pasted.append(line)
    labels = sorted({name.partition(".")[0] for name in files})
    return tuple(_migration(label, files) for label in labels if f"{label}.up.sql" in files)


def _name(source: Source) -> str:
    return source.path.removeprefix("sql/")


def _paste(files: dict[str, str], head: re.Match[str] | None, pasted: list[str]) -> None:
    if head is None:  # sentences above the first file
        return
    name = f"{head['label']}.{head['way']}.sql"
    if head["delete"]:
        del files[name]
    elif head["part"]:
        lines = files[name].splitlines()
        first = int(head["first"]) - 1 if head["first"] else int(head["line"]) - (" before " in head[0])
        last = int(head["last"] or head["first"]) if head["first"] else first
        lines[first:last] = pasted
        files[name] = "".join(f"{line}\n" for line in lines)
    else:
        files[name] = "".join(f"{line}\n" for line in pasted)


def _migration(label: str, files: dict[str, str]) -> Migration:
    version = re.match(r"\d{8}_\d{6}|\d+", label)
    assert version is not None
    up, down = (
        Source(f"sql/{label}.{way}.sql", files[f"{label}.{way}.sql"]) if f"{label}.{way}.sql" in files else None
        for way in ("up", "down")
    )
    assert up is not None
    return Migration(version[0], label[len(version[0]) + 1 :], up, down)
