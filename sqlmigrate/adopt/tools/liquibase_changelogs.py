"""The changelogs of Liquibase in XML, YAML and JSON: which files they include, and which changesets they hold.

All three formats are read with the same expressions: `include`, `includeAll` and `changeSet`, and the values behind
them. Changesets in these formats are no SQL, so each of them is an obstacle.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence

from sqlmigrate.adopt.foreign import ForeignMigration, Listing
from sqlmigrate.errors import MigrationError
from sqlmigrate.source import Source

_SUFFIXES = (".xml", ".yaml", ".yml", ".json")
_ELEMENT = re.compile(r"\b(?P<kind>includeAll|include|changeSet)\b")
_VALUE = r"""\b{}["']?\s*[:=]\s*["']?(?P<value>[^"'\r\n,}}>]+)"""
_PATH, _ID, _AUTHOR = (re.compile(_VALUE.format(name)) for name in ("(?:file|path)", "id", "author"))
_RELATIVE = re.compile(_VALUE.format("relativeToChangelogFile"))
_PREFIX = re.compile(r"(?:classpath\*?:)?(?:\./|/)*")


def changelogs(listing: Listing) -> dict[str, Source]:
    """Return the changelogs of a folder in these formats, by path in the folder."""
    sources = {name: listing.try_source(name) for name in listing.files if name.lower().endswith(_SUFFIXES)}
    return {
        name: each for name, each in sources.items() if isinstance(each, Source) and "databaseChangeLog" in each.text
    }


def plain_path(path: str) -> str:
    """Return a path as the history compares it: without what leads to the root."""
    return _PREFIX.sub("", path.replace("\\", "/"), count=1)


def changesets(source: Source) -> list[ForeignMigration]:
    """Return the changesets of a changelog, each with the obstacle that it is not SQL."""
    found = []
    for kind, text, at in _elements(source):
        number, author = _ID.search(text), _AUTHOR.search(text)
        if kind != "changeSet" or not number or not author:
            continue
        name, by = number["value"].strip(), author["value"].strip()
        language = source.path.rpartition(".")[2].upper().replace("YML", "YAML")
        error = MigrationError(f"the changeset {name} of {by} is in {language}, not in SQL", source.span(at))
        key = f"{name}::{by}::{source.path}"
        found.append(ForeignMigration(key, "", name, source.path, None, obstacles=(error,)))
    return found


def in_order(listing: Listing, roots: Mapping[str, Source], names: Sequence[str]) -> list[str]:
    """Return the files that the changelogs lead to, in their order; without a changelog that includes any, all files.

    `names` are the changelogs of every format, and plain SQL files, which can be included too.
    """
    inclusions = {name: list(_included(listing, name, source, names)) for name, source in roots.items()}
    if not any(inclusions.values()):
        return []
    below = {name for included in inclusions.values() for name in included}
    order: dict[str, None] = {}

    def visit(name: str) -> None:
        if name not in order:
            order[name] = None
            for each in inclusions.get(name, ()):
                visit(each)

    for name in sorted(inclusions):
        if name not in below and inclusions[name]:
            visit(name)
    return list(order)


def _elements(source: Source) -> Iterator[tuple[str, str, int]]:
    """Yield each element: its name, the text up to the next one, its place."""
    found = list(_ELEMENT.finditer(source.text))
    for at, element in enumerate(found):
        end = found[at + 1].start() if at + 1 < len(found) else len(source.text)
        yield element["kind"], source.text[element.end() : end], element.start()


def _included(listing: Listing, name: str, source: Source, names: Sequence[str]) -> Iterator[str]:
    for kind, text, _ in _elements(source):
        found = _PATH.search(text)
        if kind == "changeSet" or not found:
            continue
        relative = _RELATIVE.search(text)
        path = found["value"].strip()
        if relative and relative["value"].strip() == "true":
            path = posixpath.normpath(posixpath.join(posixpath.dirname(listing.path(name)), path))
        wanted = f"/{plain_path(path).rstrip('/')}"
        shown = {each: f"/{plain_path(listing.path(each))}" for each in names if each != name}
        if kind == "includeAll":
            yield from sorted(each for each, at in shown.items() if f"{wanted}/" in at)
        else:
            yield from [each for each, at in shown.items() if at.endswith(wanted) or wanted.endswith(at)][:1]
