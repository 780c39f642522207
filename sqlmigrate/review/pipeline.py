"""One review: which migrations are new, a base to try them on, each one's way there and back, and what it shows."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlmigrate.database.session import Request, Session, connect
from sqlmigrate.errors import MigrationError, ServerError
from sqlmigrate.executor.events import Failed
from sqlmigrate.files import file_text
from sqlmigrate.files.migration import Migration
from sqlmigrate.history import read as history_read, table
from sqlmigrate.history.table import History
from sqlmigrate.identifiers import quoted
from sqlmigrate.operations import up_down
from sqlmigrate.parsing.script import Script, read
from sqlmigrate.parsing.splitter import split
from sqlmigrate.plan.plan import Limits
from sqlmigrate.shadow import databases, installed
from sqlmigrate.source import Source

from .findings import all_findings, allowed
from .findings.subject import Subject
from .measure import row_sums
from .measure.missing_roles import MissingRoles
from .measure.round_trip import RoundTrips
from .measure.watch import history_tables, watching
from .new.subjects import Subjects
from .results import Basis, Review, Reviewed, Size
from .rules.rule import SEVERITIES, Finding, worst
from .seed import fill

_SEED_ROWS = 300
_FORMAT = 5  # of what a template holds: raised when the base is built otherwise


@dataclass(frozen=True)
class Settings:
    """How a review goes about it.

    `limit` is how long one statement may take on the shadow, in seconds; `seed` is a file of rows of the project's own.
    """

    home: Path
    table: str = "migrations"
    shadow_url: str | None = None
    postgres: int | None = None
    seed: Path | None = None
    limit: float = 30.0
    sizes: Mapping[str, Size] = field(default_factory=dict)
    is_static: bool = False
    directory: str = "sql"


@dataclass(frozen=True)
class _Read:
    """A new migration as far as it can be read."""

    migration: Migration
    up: Script | None
    down: Script | None
    findings: tuple[Finding, ...] = ()


def review(subjects: Subjects, settings: Settings) -> Review:
    """Review new migrations; without a server, what their text shows.

    Raises `ServerError` where the base does not build, naming the migration that broke.
    """
    if settings.is_static or not subjects.new:
        return _by_text(subjects, settings, "asked for" if settings.is_static else "nothing is new")
    try:
        with databases.server(settings.home, settings.shadow_url, settings.postgres) as server:
            return on(server, subjects, settings)
    except installed.NoServerError as error:
        return _by_text(subjects, settings, error.message)


def on(server: databases.Shadow, subjects: Subjects, settings: Settings) -> Review:
    """Review new migrations on a shadow server."""
    began = time.monotonic()
    template = server.template(_key(subjects, settings), lambda made: _build(server, made, subjects, settings))
    filled, unfilled = template.value["filled"], template.value["unfilled"]
    with (
        server.clone(template) as clone,
        watching(clone.owner_url, clone.admin_url, settings.table, settings.limit) as watch,
    ):
        trips = RoundTrips(server, watch, template.value["rows"])
        reviewed = _in_order(_reviewed(trips, _read(each), settings, server.version) for each in subjects.new)
    ground = Basis(
        subjects.base,
        len(subjects.built),
        server.label,
        server.version,
        len(filled),
        len(filled) + len(unfilled),
        tuple((name, why) for name, why in unfilled),
        (*template.value["roles"], *trips.roles.created),
        has_sizes=bool(settings.sizes),
    )
    return Review(ground, allowed.excepted(reviewed), subjects.findings, time.monotonic() - began, settings.directory)


def _in_order(reviewed: Iterable[Reviewed]) -> tuple[Reviewed, ...]:
    """Take what fails behind a migration that failed for what it most likely is: nobody knows before that is mended."""
    done: list[Reviewed] = []
    failed = ""
    for each in reviewed:
        findings = tuple(_behind(finding, failed) for finding in each.findings) if failed else each.findings
        done.append(replace(each, findings=findings))
        if not failed and each.trip and each.trip.up.error:
            failed = each.migration.label
    return tuple(done)


def _behind(finding: Finding, failed: str) -> Finding:
    if finding.rule.name != "statement-fails":
        return finding
    return replace(finding, severity="warning", what_now=f"{failed} before it failed: mend that first")


def _reviewed(trips: RoundTrips, reading: _Read, settings: Settings, version: int) -> Reviewed:
    migration, up, down = reading.migration, reading.up, reading.down
    if up is None:
        return Reviewed(migration, None, down, None, reading.findings)
    trip = trips.of(migration, up, down)
    subject = Subject(migration, up, trip, settings.sizes, version)
    return Reviewed(migration, up, down, trip, (*reading.findings, *all_findings.found(subject, down)))


def _by_text(subjects: Subjects, settings: Settings, why: str) -> Review:
    ground = Basis(subjects.base, len(subjects.built), None, why_static=why, has_sizes=bool(settings.sizes))
    new: set[str] = set()
    reviewed = allowed.excepted(_static(_read(migration), new) for migration in subjects.new)
    return Review(ground, reviewed, subjects.findings, 0.0, settings.directory)


def _read(migration: Migration) -> _Read:
    findings: list[Finding] = []
    up = down = None
    try:
        up = read(migration.up)
    except MigrationError as error:
        findings += all_findings.of_file(error)
    if migration.down is not None:
        try:
            down = read(migration.down)
        except MigrationError as error:
            findings += all_findings.of_file(error)
    return _Read(migration, up, down, tuple(findings))


def _static(reading: _Read, new: set[str]) -> Reviewed:
    found = [*reading.findings, *(all_findings.static(reading.migration, reading.up, new) if reading.up else ())]
    return Reviewed(reading.migration, reading.up, reading.down, None, tuple(found))


def _key(subjects: Subjects, settings: Settings) -> str:
    """Give what decides what a base holds: its migrations, the seed, and how we build it."""
    digest = hashlib.sha256(f"{_FORMAT} {_SEED_ROWS} {settings.table}".encode())
    for migration in subjects.built:
        digest.update(f"\0{migration.label}\0{migration.up.text}\0".encode())
    if settings.seed:
        digest.update(file_text.read(str(settings.seed)).text.encode())
    return digest.hexdigest()


def _build(
    server: databases.Shadow, made: databases.Databases, subjects: Subjects, settings: Settings
) -> dict[str, Any]:
    """Execute the base's migrations, and fill its tables; roles that are only named are made."""
    roles = MissingRoles(server)
    with connect(made.owner_url) as session:
        history = _make_history(session, settings.table)
    while failed := _failed(made.owner_url, subjects, settings):
        with connect(made.owner_url) as session:
            if not roles.provide(failed.error, session):
                raise _broken_base(failed, subjects.base)
    if settings.seed:
        with connect(made.owner_url) as session:
            _execute_seed(session, file_text.read(str(settings.seed)))
    with connect(made.admin_url) as session:
        ours = history_tables(session, history)
        seeded = fill.fill(session, _SEED_ROWS, ours)
        known = row_sums.read(session, ignore=ours)
    return {
        "filled": list(seeded.filled),
        "unfilled": [list(pair) for pair in seeded.unfilled],
        "roles": roles.created,
        "rows": [astuple(each) for each in known.values()],
    }


def _make_history(session: Session, setting: str) -> History:
    """Make the history table, which no run has made where the base has no migration."""
    if schema := table.table_parts(setting)[0]:
        session.ask(Request(f"create schema if not exists {quoted(schema)}"))
    history = history_read.read(session, setting).history
    table.make(session, history)
    return history


def _failed(url: str, subjects: Subjects, settings: Settings) -> Failed | None:
    building = up_down.up(url, subjects.built, table=settings.table, limits=Limits(lock_retries=0))
    with closing(building) as events:
        return next((event for event in events if isinstance(event, Failed)), None)


def _execute_seed(session: Session, source: Source) -> None:
    from sqlmigrate.executor import batch, statement_errors  # noqa: PLC0415 - only where a seed is given

    for statement in split(source):
        *_, answer = (each for each in session.turn([batch.request(statement)]) if each)
        if answer.error:
            raise statement_errors.refused(answer.error, statement)


def _broken_base(event: Failed, base: str) -> ServerError:
    error = event.error
    return ServerError(
        f"the base does not build: {event.step.label} of {base} fails on the shadow: {error.message}",
        error.span,
        detail=[f"{name}: {value}" for name, value in getattr(error, "fields", ())],
        hint="try it on a server like production's: --shadow-url; or say --static for the text alone",
    )


def fails(review: Review, limit: str) -> bool:
    """Tell whether a review has findings of the severity `limit`, or a graver one, that nobody has allowed."""
    findings = [*review.findings, *(each for reviewed in review.migrations for each in reviewed.findings)]
    found = worst(findings)
    return limit != "never" and found is not None and SEVERITIES.index(found) <= SEVERITIES.index(limit)
