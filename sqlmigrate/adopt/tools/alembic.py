"""Alembic: `versions/1a2b_users.py`, and the table `alembic_version(version_num)`.

Its migrations are Python. They are parsed, never executed: only the revisions and what they come after are read
(`alembic/script/base.py`). The SQL of each has to be written by hand, or taken from `alembic upgrade --sql`. The
history has one row for each branch, and everything below it is executed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlmigrate.adopt.foreign import ForeignMigration, Listing, Place, Reading, Record
from sqlmigrate.errors import MigrationError
from sqlmigrate.identifiers import literal, quoted
from sqlmigrate.source import Source

from .ordering import all_needs, in_circles, in_order
from .tool import MARK, Guard, Tool, select

_SETTINGS = "alembic.ini"
_LOCATION = re.compile(r"^\s*script_location\s*[=:](?P<folder>[^\r\n]*)", re.MULTILINE)
_FILE = re.compile(r"(?:versions/(?:.*/)?)?[^/]*\.py", re.DOTALL)
_REVISION = re.compile(rb"^(?:revision|down_revision)\b", re.MULTILINE)
_Values = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class _Revision:
    """A revision.

    Attributes:
        file: The name of its file in the listing.
        key: The revision.
        after: What it comes after: its `down_revision`, as written.
        depends_on: What else has to be executed first, as written.
        labels: The names of its branch.
        source: The text of the file.
        also_in: The path of another file with the same revision; empty if there is none.
    """

    file: str
    key: str
    after: tuple[str, ...]
    depends_on: tuple[str, ...]
    labels: tuple[str, ...]
    source: Source
    also_in: str = ""


def _read(listing: Listing) -> Reading | None:
    """Read the revisions in the folder and in `versions`; the order is that of the chain.

    In the root of a project `alembic.ini` names the folder.
    """
    top = _script_location(listing)
    found: dict[str, _Revision] = {}
    others: list[MigrationError] = []
    here = [name for name in listing.files if name.startswith(top) and _FILE.fullmatch(name.removeprefix(top))]
    names = [name for name in here if _REVISION.search(listing.files[name])]
    for name in names:
        revision = _revision(listing, name)
        if isinstance(revision, MigrationError):
            others.append(revision)
        elif revision.key in found:
            found[revision.key] = replace(found[revision.key], also_in=listing.path(name))
        else:
            found[revision.key] = revision
    if not found:
        return None
    needs = {key: tuple(_resolved(key, found)) for key in sorted(found)}
    migrations = [_migration(listing, key, found[key], needs) for key in in_order(needs)]
    return Reading(
        "Alembic",
        listing.path(top.rstrip("/")) if top else listing.folder,
        tuple(_with_command(each, found[each.key]) for each in migrations),
        tuple(others),
        obstacles=tuple(_faults(listing, found, needs)),
    )


def _script_location(listing: Listing) -> str:
    """Return the folder that the settings name, with a slash at its end; empty if they name none below them."""
    written = _LOCATION.search(listing.files.get(_SETTINGS, b"").decode(errors="replace"))
    folder = written["folder"].strip().replace("%(here)s/", "").removeprefix("./").strip("/") if written else ""
    return f"{folder}/" if folder not in ("", ".") else ""


def _faults(
    listing: Listing, found: Mapping[str, _Revision], needs: Mapping[str, Sequence[str]]
) -> Iterator[MigrationError]:
    """Yield why the chain cannot be followed."""
    circles = in_circles(needs)
    for key, revision in found.items():
        path = listing.path(revision.file)
        for each in needs[key]:
            if each not in needs:
                yield MigrationError(f"{path} comes after `{each}`, which is in no file of this folder")
        if key in circles:
            yield MigrationError(f"{path} comes after itself: its chain of revisions is a circle")
        if revision.also_in:
            yield MigrationError(f"{path} and {revision.also_in} have the same revision `{key}`")


def _revision(listing: Listing, name: str) -> _Revision | MigrationError:
    source = listing.try_source(name)
    if isinstance(source, MigrationError):
        return source
    values = _values(source)
    if len(values.get("revision", ())) != 1 or "down_revision" not in values:
        said = f"{source.path} is left out: its `revision` and `down_revision` are no constants that can be read"
        return MigrationError(said)
    labels, depends_on = values.get("branch_labels", ()), values.get("depends_on", ())
    return _Revision(name, values["revision"][0], values["down_revision"], depends_on, labels, source)


def _values(source: Source) -> _Values:
    """Read the assignments of constants at the top of a file."""
    try:
        body = ast.parse(source.text).body
    except (SyntaxError, ValueError):
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for each in body:
        target = (
            each.targets[0]
            if isinstance(each, ast.Assign)
            else each.target
            if isinstance(each, ast.AnnAssign)
            else None
        )
        if isinstance(target, ast.Name) and isinstance(each, ast.Assign | ast.AnnAssign) and each.value is not None:
            found[target.id] = tuple(
                node.value
                for node in ast.walk(each.value)
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            )
    return found


def _resolved(key: str, found: Mapping[str, _Revision]) -> Iterator[str]:
    """Yield the revisions that one comes after; a dependency may be the name of a branch, or begin a revision."""
    revision = found[key]
    yield from revision.after
    for written in revision.depends_on:
        labelled = [each for each, other in found.items() if written in other.labels]
        begun = [each for each in found if each.startswith(written)]
        yield written if written in found else (labelled or begun or [written])[0]


def _migration(listing: Listing, key: str, revision: _Revision, needs: Mapping[str, Sequence[str]]) -> ForeignMigration:
    stem = revision.file.rpartition("/")[2].removesuffix(".py")
    path = listing.path(revision.file)
    return ForeignMigration(
        key,
        "",
        stem.removeprefix(key).strip("_") or _title(revision.source) or stem,
        path,
        None,
        raw=listing.files[revision.file],
        needs=tuple(needs[key]),
    )


def _title(source: Source) -> str:
    """Return the first line of what the file says of itself."""
    said = ast.get_docstring(ast.parse(source.text)) or ""
    return re.sub(r"\W+", "_", said.partition("\n")[0].lower()).strip("_")


def _with_command(migration: ForeignMigration, revision: _Revision) -> ForeignMigration:
    """Add why the migration cannot be converted, with the commands that print its SQL."""
    found = re.search(r"^def upgrade\b", revision.source.text, re.MULTILINE)
    before = revision.after[0] if revision.after else "base"
    said = MigrationError(
        "the migration is Python: only Alembic can say what its SQL is",
        revision.source.span(found.start(), found.end()) if found else revision.source.span(0),
        hint=f"write what `alembic upgrade {before}:{migration.key} --sql` prints to {{path}}, and "
        f"`alembic downgrade {migration.key}:{before} --sql` to {{down}}, without the lines about "
        "alembic_version",
    )
    return replace(migration, obstacles=(said,))


def _reached(migrations: Sequence[ForeignMigration], record: Record) -> set[str]:
    """Return a revision and everything that it comes after."""
    needs = {each.key: each.needs for each in migrations}
    return {record.key, *all_needs(record.key, needs)} if record.key in needs else set()


def _query(place: Place) -> str:
    table = quoted(place.schema, place.table)
    return select(f"(select * from {table} where version_num <> {literal(MARK)})", key="t.version_num")


def _guard(place: Place) -> Guard:
    """Stop it before it executes a migration without a transaction, which it records afterwards."""
    table, mark = quoted(place.schema, place.table), literal(MARK)
    return Guard(
        mark=f"insert into {table} (version_num) values ({mark}) on conflict do nothing",
        unmark=f"delete from {table} where version_num = {mark}",
    )


ALEMBIC = Tool(
    "Alembic",
    ("alembic", "migrations"),
    _read,
    _query,
    is_one_row=True,
    root_files=(_SETTINGS,),
    guard=_guard,
    reached=_reached,
)
