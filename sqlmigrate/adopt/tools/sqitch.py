"""Sqitch: `sqitch.plan` with `deploy/`, `revert/` and `verify/`, and the table `changes` of its registry.

A change is known by the ID that the plan gives it, and its deploy script by its SHA-1 (`App::Sqitch::Plan::Change`).
The script of a reworked change has the tag in its name. psql executes the scripts, so a script without BEGIN and COMMIT
has no transaction, and what only psql understands cannot be converted.
"""

from __future__ import annotations

import configparser
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlmigrate.adopt.foreign import ForeignMigration, Listing, Part, Place, Reading, Record
from sqlmigrate.errors import MigrationError
from sqlmigrate.identifiers import literal, quoted
from sqlmigrate.parsing.splitter import split
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.parsing.tokens import blanked
from sqlmigrate.source import Source
from sqlmigrate.spelling import plural

from .sqitch_plan import Change, parse
from .tool import BY_HAND, MARK, Guard, Tool, select, with_other_line_ends

_ROOT_FILES = ("sqitch.conf", "sqitch.plan", "sqitch/sqitch.plan", "db/sqitch.plan")
_PROJECT = re.compile(rb"^\s*%\s*project\s*=", re.MULTILINE)
_CONTROL = re.compile(r"(BEGIN|START|COMMIT|END|ROLLBACK|ABORT)\b", re.IGNORECASE)
_BEGIN = re.compile(r"(BEGIN|START)\b", re.IGNORECASE)
_COMMIT = re.compile(r"(COMMIT|END)\b", re.IGNORECASE)
_VARIABLE = re.compile(r"(?<![:\w\])]):(?:(?P<bare>[A-Za-z_]\w*)|(?P<quoted>'[^']*'|\"[^\"]*\"))")
_EVENTS = "events"
_LOCK = 75474063
# Sqitch does not go on where the newest change of the history is not in the plan.


@dataclass(frozen=True)
class _Folders:
    """Where the scripts are, with a slash at the end of each folder."""

    deploy: str
    revert: str
    verify: str
    reworked: str
    extension: str = "sql"


def _read(listing: Listing) -> Reading | None:
    settings = _settings(listing)
    top = settings.get("top_dir", "").strip("./")
    top = f"{top}/" if top else ""
    names = [settings.get("plan_file", f"{top}sqitch.plan").removeprefix("./"), "sqitch.plan"]
    name = next((each for each in names if _PROJECT.search(listing.files.get(each, b""))), None)
    source = listing.try_source(name) if name else None
    if not isinstance(source, Source):
        return None
    plan = parse(source)
    folders = _folders(settings, top)
    return Reading(
        "Sqitch",
        listing.path(top.rstrip("/")) if top else listing.folder,
        tuple(_migration(listing, change, folders) for change in plan.changes),
        tuple(_verify_scripts(listing, folders)),
        project=plan.project,
        obstacles=plan.faults,
    )


def _settings(listing: Listing) -> dict[str, str]:
    """Read `sqitch.conf`; what is set for PostgreSQL comes before what is set for all databases."""
    config = configparser.RawConfigParser(strict=False, allow_no_value=True)
    text = listing.files.get("sqitch.conf", b"").decode(errors="replace")
    try:
        config.read_string("\n".join(line.strip() for line in text.splitlines()))
    except configparser.Error:
        return {}
    return {
        key: value.strip().strip('"')
        for section in ("core", 'engine "pg"')
        if config.has_section(section)
        for key, value in config.items(section)
        if value
    }


def _folders(settings: dict[str, str], top: str) -> _Folders:
    named = {each: settings.get(f"{each}_dir", f"{top}{each}").strip("./") for each in ("deploy", "revert", "verify")}
    reworked = settings.get("reworked_dir", "").strip("./")
    return _Folders(
        **{each: f"{folder}/" for each, folder in named.items()},
        reworked=f"{reworked}/" if reworked else top,
        extension=settings.get("extension", "sql"),
    )


def _scripts(listing: Listing, change: Change, folders: _Folders) -> tuple[str, str]:
    """Return the deploy script and the revert script of a change; those of a reworked one have a tag in their names."""
    if not change.rework_tags:
        file = f"{change.name}.{folders.extension}"
        return folders.deploy + file, folders.revert + file
    names = [f"{change.name}@{tag}.{folders.extension}" for tag in change.rework_tags]
    places = [
        (deploy + name, revert + name)
        for name in names
        for deploy, revert in (
            (f"{folders.reworked}deploy/", f"{folders.reworked}revert/"),
            (folders.deploy, folders.revert),
        )
    ]
    return next((each for each in places if each[0] in listing.files), places[-1])


def _migration(listing: Listing, change: Change, folders: _Folders) -> ForeignMigration:
    deploy, revert = _scripts(listing, change, folders)
    obstacles: list[MigrationError] = []
    notes: list[MigrationError] = []
    parts: dict[str, Part] = {}
    if deploy not in listing.files:
        message = f"the deploy script {listing.path(deploy)} does not exist"
        obstacles.append(MigrationError(message, change.span, hint="restore it"))
    for name in (each for each in (deploy, revert) if each in listing.files):
        source = listing.try_source(name)
        if isinstance(source, MigrationError):
            obstacles.append(source)
            continue
        part, faults, said = _part(source)
        obstacles += faults
        notes += said
        parts[name] = part
    return ForeignMigration(
        change.id,
        "",
        change.name,
        listing.path(deploy),
        parts.get(deploy) if not obstacles else None,
        parts.get(revert),
        tuple(notes),
        tuple(obstacles),
        listing.files.get(deploy, b""),
    )


def _part(source: Source) -> tuple[Part, Sequence[MigrationError], Sequence[MigrationError]]:
    """Return a script as a part, why it cannot be converted, and what is otherwise than psql has it."""
    try:
        statements = list(split(source))
    except MigrationError as error:
        faults = [error, *(each for each in error.others if isinstance(each, MigrationError))]
        return Part(source.text), [each.with_(hint=BY_HAND, others=()) for each in faults], []
    faults = list(_variables(source, statements))
    control = [each for each in statements if _CONTROL.match(each.text)]
    if not control:
        has_transaction = len(statements) < 2  # noqa: PLR2004 - one statement is a transaction of its own
        said = "the script has no BEGIN and COMMIT: Sqitch executes it without a transaction, and so does sqlmigrate"
        notes = [] if has_transaction else [MigrationError(said, statements[0].span)]
        return Part(source.text, has_transaction), faults, notes
    first, last = statements[0], statements[-1]
    if len(control) == 2 and _BEGIN.match(first.text) and _COMMIT.match(last.text):  # noqa: PLR2004 - a pair
        return Part(source.text), faults, []
    said = "BEGIN and COMMIT are not around the whole script: sqlmigrate does not execute such a file"
    return Part(source.text), faults, [MigrationError(said, control[0].span)]


def _variables(source: Source, statements: Sequence[Statement]) -> Iterator[MigrationError]:
    """Find `:name`, `:'name'` and `:"name"` outside of strings and comments: psql puts a value there."""
    for statement in statements:
        code = blanked(statement.text, "string", "comment", "body")
        for found in _VARIABLE.finditer(statement.text):
            if code[found.start()] == ":":
                span = source.span(statement.start + found.start(), statement.start + found.end())
                message = f"`{found[0]}` is a variable of psql, not SQL"
                yield MigrationError(message, span, hint=BY_HAND)


def _verify_scripts(listing: Listing, folders: _Folders) -> Iterator[MigrationError]:
    verify = [name for name in listing.files if name.startswith(folders.verify) and name.endswith(".sql")]
    if verify:
        count = plural(len(verify), "verify script")
        yield MigrationError(f"{listing.path(folders.verify)} has {count}: not taken over, sqlmigrate executes none")


def _is_same(migration: ForeignMigration, record: Record) -> bool | None:
    """Compare the SHA-1 of the deploy script; registries before 1.0 have the ID of the change in its place."""
    if record.checksum in (None, record.key):
        return None
    raws = with_other_line_ends(migration.raw)
    return record.checksum in {hashlib.sha1(raw).hexdigest() for raw in raws}  # noqa: S324 - it is Sqitch's


def _query(place: Place) -> str:
    where = f"change <> {literal(MARK)}" + (f" and project = {literal(place.project)}" if place.project else "")
    return select(
        f"(select * from {quoted(place.schema, place.table)} where {where})",
        key="t.change_id",
        name="t.change",
        executed_at="t.committed_at",
        executed_by="t.committer_name || ' <' || t.committer_email || '>'",
        checksum="t.script_hash",
        order_by="t.committed_at",
    )


def _others(place: Place) -> str:
    """Tell other projects of the registry, and changes whose last deployment has failed: psql may have left a part."""
    table, project = quoted(place.schema, place.table), literal(place.project)
    projects = (
        f"select 'the registry also has the project ' || t.project || ' (deployed changes: ' || count(*) || "
        f"'): it is not taken over; adopt it from its own folder' "
        f"from {table} t where t.project <> {project} group by t.project order by 1"
    )
    if _EVENTS not in place.tables:
        return projects
    events = quoted(place.schema, _EVENTS)
    failures = (
        f"select 'the last deployment of ' || e.change || ' failed: see what it has left in the database' "
        f"from {events} e where e.project = {project} and e.event = 'fail' and not exists "
        f"(select from {events} l where l.change_id = e.change_id and l.committed_at > e.committed_at) order by 1"
    )
    return f"({projects}) union all ({failures})"


def _locks(_place: Place) -> list[int]:
    return [_LOCK]


def _guard(place: Place) -> Guard:
    """Stop it before it executes a script: psql executes it in another session than the one that records it."""
    table, mark, project = quoted(place.schema, place.table), literal(MARK), literal(place.project)
    return Guard(
        mark=f"insert into {table} (change_id, script_hash, change, project, note, committer_name, committer_email, "
        f"planned_at, planner_name, planner_email) select {mark} || ' ' || {project}, null, {mark}, {project}, '', "
        f"session_user, '', pg_catalog.now(), session_user, '' "
        f"where not exists (select from {table} where project = {project} and change = {mark})",
        unmark=f"delete from {table} where project = {project} and change = {mark}",
        project_column="project",
    )


SQITCH = Tool("Sqitch", (), _read, _query, _is_same, _locks, root_files=_ROOT_FILES, guard=_guard, others=_others)
