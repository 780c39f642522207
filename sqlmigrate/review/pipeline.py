"""One review: new migrations are executed on a clone of the base, one after the other, and judged by what they do."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from sqlmigrate.database.session import connect
from sqlmigrate.ddl.schema import read_schema
from sqlmigrate.ddl.schema_file import SchemaFile
from sqlmigrate.errors import MigrationError
from sqlmigrate.files.migration import Migration
from sqlmigrate.parsing.script import Script, read
from sqlmigrate.plan.up import unwritten_faults
from sqlmigrate.shadow import databases, extensions, installed
from sqlmigrate.shadow.missing_roles import MissingRoles
from sqlmigrate.shadow.rights import Rights
from sqlmigrate.shadow.squash_proof import Builder
from sqlmigrate.source import Source

from .advice.all_advice import Folder, newest, with_advice
from .base import find_base
from .findings import all_findings, failures, schema_file, squashes
from .findings.allowed import apply_exceptions
from .findings.down_missing import tell_once
from .findings.grouping import group
from .findings.subject import Subject
from .measure.made_up_rows import MadeUpRows
from .measure.round_trip import RoundTrips
from .measure.watch import Watch, watching
from .new.subjects import Subjects
from .results import Basis, Review, Reviewed, Size
from .rules.failures import NEEDS_MORE_RIGHTS, STATEMENT_FAILS
from .rules.rule import SEVERITIES, Finding, worst

_EXECUTED_WITH = {False: "", True: ", new migrations as a superuser (--trusted)"}


@dataclass(frozen=True)
class Settings:
    """What the user has asked of a review.

    Attributes:
        home: the folder for the data of our own shadow server
        table: the history table
        shadow_url: the shadow server; None for one of this machine
        postgres: the major version of the server; None for the newest
        seed: a file with rows of the project's own
        limit: how long one statement may take on the shadow server, in seconds
        sizes: the sizes of production's tables, by name
        is_static: whether only the text is reviewed
        directory: the folder of the migrations
        is_trusted: whether the new migrations are executed with all rights of the server's role
        schema_file: the file that shows the schema, where there may be one
        schema_postgres: the major version of PostgreSQL that writes it; None for any
        extensions: the extensions that the administrator creates first, each as a name, or name and version
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
    is_trusted: bool = False
    schema_file: Path | None = None
    schema_postgres: int | None = None
    extensions: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Parsed:
    """A new migration whose files are parsed.

    Attributes:
        migration: the migration
        up: its up file; None if it cannot be executed
        down: its down file; None if it has none, or that cannot be executed
        findings: the reasons why not
    """

    migration: Migration
    up: Script | None
    down: Script | None
    findings: tuple[Finding, ...] = ()


def review(subjects: Subjects, settings: Settings) -> Review:
    """Review new migrations: on a shadow server, or only their text if there is none on this machine.

    Raises:
        ServerError: The base cannot be built; the error names the migration that failed.
    """
    if settings.is_static or not (subjects.new or subjects.squashes):
        return _review_text(subjects, settings, "--static was given" if settings.is_static else "nothing is new")
    try:
        made = extensions.named(settings.extensions, (*subjects.base_migrations, *subjects.new))
        with databases.server(settings.home, settings.shadow_url, settings.postgres, made) as server:
            return review_on(server, subjects, settings)
    except installed.NoServerError as error:
        return _review_text(subjects, settings, error.message)


def review_on(server: databases.Shadow, subjects: Subjects, settings: Settings) -> Review:
    """Review new migrations on a shadow server."""
    began = time.monotonic()
    given: Rights = "trusted" if settings.is_trusted else "restricted"
    builder = Builder(server, settings.table, given)
    # Before the rest: what that executes may leave roles on the server.
    proofs = [squashes.prove(builder, each) for each in subjects.squashes]
    parts = [_review_part(server, part, settings) for part in _parts(subjects)]
    reviewed = tuple(each for part in parts for each in part.reviewed)
    outdated = tuple(each for part in parts for each in part.outdated)
    said = tuple(sentence for each in proofs for sentence in each.said)
    basis = replace(parts[-1].basis, base_migrations=len(subjects.base_migrations), proven=said)
    labels = {each.migration.label for each in reviewed}
    of_merged = [finding for each in proofs if each.label not in labels for finding in each.findings]
    findings = (*subjects.findings, *outdated, *of_merged)
    seconds = time.monotonic() - began
    review = Review(basis, tuple(_with_proof(each, proofs) for each in reviewed), findings, seconds, settings.directory)
    return _judged(review, subjects)


def _with_proof(reviewed: Reviewed, proofs: Iterable[squashes.Proven]) -> Reviewed:
    found = [finding for each in proofs if each.label == reviewed.migration.label for finding in each.findings]
    return replace(reviewed, findings=(*reviewed.findings, *found))


def _compared_schema_file(
    clone: databases.Databases, watch: Watch, subjects: Subjects, settings: Settings, reviewed: Iterable[Reviewed]
) -> tuple[tuple[Finding, ...], str]:
    """Compare the schema file with the schema that the clone has now; return the findings, and why it was not compared.

    The clone has the schema of the whole folder only if the base is what is merged and every new file was executed.
    """
    path = settings.schema_file
    old = schema_file.read(path) if path and subjects.is_merged else None
    if path is None or old is None:
        return (), ""
    if subjects.findings:
        return (), f"{path} is not compared: merged files were changed."
    if not all(each.trip and each.trip.ended_as_after_up for each in reviewed):
        return (), f"{path} is not compared: not all migrations were executed."
    with connect(clone.owner_url) as session:
        if settings.schema_postgres not in (None, session.major):
            return (), f"{path} is not compared: PostgreSQL {settings.schema_postgres} writes it."
        return schema_file.compared(path, old, SchemaFile(read_schema(session, watch.history)).text), ""


def _parts(subjects: Subjects) -> Iterator[Subjects]:
    """Yield the new migrations with their bases: a squashed one is executed in the place of those that it replaces."""
    squashed = [each for each in subjects.new if any(_is_replaced(other, each) for other in subjects.base_migrations)]
    for one in squashed:
        before = tuple(each for each in subjects.base_migrations if _is_before(each, one))
        yield replace(subjects, base_migrations=before, new=(one,))
    others = tuple(each for each in subjects.new if each not in squashed)
    if others or not squashed:
        yield replace(subjects, new=others)


def _is_replaced(migration: Migration, squashed: Migration) -> bool:
    return squashed.replaces is not None and squashed.replaces.covers(migration.number)


def _is_before(migration: Migration, squashed: Migration) -> bool:
    return migration.number < squashed.number and not _is_replaced(migration, squashed)


@dataclass(frozen=True)
class _Part:
    """New migrations that were reviewed on one base.

    Attributes:
        basis: the base, and how they were executed
        reviewed: the migrations
        outdated: the finding of a schema file that is not up to date
    """

    basis: Basis
    reviewed: tuple[Reviewed, ...]
    outdated: tuple[Finding, ...]


def _review_part(server: databases.Shadow, subjects: Subjects, settings: Settings) -> _Part:
    """Review new migrations on one base."""
    base = find_base(server, subjects, settings.table, settings.seed, is_trusted=settings.is_trusted)
    with (
        server.clone(base.template) as clone,
        watching(clone.owner_url, clone.admin_url, settings.table, settings.limit) as watch,
    ):
        roles = MissingRoles(server, base.roles)
        made_up = MadeUpRows(server, clone, watch.observer, base.filled)
        trips = RoundTrips(
            roles, watch, made_up, base.rows, partial(server.body_checker, clone), extensions=server.extensions
        )
        reviewed = _in_order(_review_one(trips, _parse(each), settings, server.version) for each in subjects.new)
        # The clone of a squashed migration has less than the folder.
        compared: tuple[tuple[Finding, ...], str] = ((), "")
        if not any(each.replaces for each in subjects.new):
            compared = _compared_schema_file(clone, watch, subjects, settings, reviewed)
    basis = Basis(
        subjects.base,
        len(subjects.base_migrations),
        server.label + _EXECUTED_WITH[settings.is_trusted and server.is_superuser],
        server.version,
        len(base.filled),
        len(base.filled) + len(base.unfilled),
        base.unfilled,
        (*base.roles, *roles.created),
        has_sizes=bool(settings.sizes),
        own=base.own,
        left_out=base.left_out,
        not_compared=compared[1],
    )
    return _Part(basis, reviewed, compared[0])


def _review_one(trips: RoundTrips, parsed: _Parsed, settings: Settings, version: int) -> Reviewed:
    migration, up, down = parsed.migration, parsed.up, parsed.down
    if up is None:
        return Reviewed(migration, None, down, None, parsed.findings)
    trip = trips.execute(migration, up, down)
    subject = Subject(migration, up, trip, settings.sizes, version)
    found: Iterable[Finding] = all_findings.find(subject, down)
    if migration.replaces:  # a note on a table is one on a migration that was reviewed long ago
        found = tuple(finding for finding in found if finding.severity != "note")
    if settings.is_trusted:
        found = (_as_trusted(finding) for finding in found)
    return Reviewed(migration, up, down, trip, (*parsed.findings, *found))


def _as_trusted(finding: Finding) -> Finding:
    """Advise another role where a statement still needs more rights than that of --shadow-url has."""
    if finding.rule is not NEEDS_MORE_RIGHTS:
        return finding
    return replace(finding, what_now="name a role in --shadow-url that has this right")


def _in_order(reviewed: Iterable[Reviewed]) -> tuple[Reviewed, ...]:
    """After a failed migration, turn later `statement-fails` findings into warnings: they may be its consequence."""
    done: list[Reviewed] = []
    failed = ""
    for each in reviewed:
        findings = tuple(_as_consequence(finding, failed) for finding in each.findings) if failed else each.findings
        done.append(replace(each, findings=findings))
        if not failed and each.trip and each.trip.up.error:
            failed = each.migration.label
    return tuple(done)


def _as_consequence(finding: Finding, failed: str) -> Finding:
    if finding.rule is not STATEMENT_FAILS:
        return finding
    advice = f"this may be a consequence of {failed}, which failed before it: fix that first"
    return replace(finding, severity="warning", what_now=advice)


def _judged(review: Review, subjects: Subjects) -> Review:
    """Apply the exceptions of the files, merge the findings of one cause, and write what to write instead."""
    done, missing = tell_once(apply_exceptions(review.migrations), subjects.base_migrations)
    done = tuple(map(group, done))
    if done:
        done = with_advice(done, Folder(newest(*subjects.base_migrations, *subjects.new), review.basis.version))
    return replace(review, migrations=done, findings=(*review.findings, *missing))


def _review_text(subjects: Subjects, settings: Settings, why: str) -> Review:
    count = len(subjects.base_migrations)
    unproven = tuple(f"{each.migration.label} is not proven: nothing was executed." for each in subjects.squashes)
    basis = Basis(subjects.base, count, None, why_static=why, has_sizes=bool(settings.sizes), proven=unproven)
    new: set[str] = set()
    reviewed = [_review_one_text(_parse(migration), new) for migration in subjects.new]
    return _judged(Review(basis, tuple(reviewed), subjects.findings, 0.0, settings.directory), subjects)


def _review_one_text(parsed: _Parsed, new: set[str]) -> Reviewed:
    found = all_findings.find_in_text(parsed.migration, parsed.up, new) if parsed.up else ()
    return Reviewed(parsed.migration, parsed.up, parsed.down, None, (*parsed.findings, *found))


def _parse(migration: Migration) -> _Parsed:
    up, up_findings = _parse_file(migration.up)
    down, down_findings = _parse_file(migration.down) if migration.down else (None, ())
    return _Parsed(migration, up, down, (*up_findings, *down_findings))


def _parse_file(source: Source) -> tuple[Script | None, tuple[Finding, ...]]:
    try:
        script = read(source)
    except MigrationError as error:
        return None, tuple(failures.findings_of_file(error))
    if faults := unwritten_faults(script):  # `up` would refuse it
        found = (finding for fault in faults for finding in failures.findings_of_file(fault))
        return None, tuple(replace(finding, path=source.path) for finding in found)
    return script, ()


def has_failed(review: Review, limit: str) -> bool:
    """Return whether a review has findings of severity `limit` or higher that are not allowed; `never` for no limit."""
    findings = [*review.findings, *(each for reviewed in review.migrations for each in reviewed.findings)]
    found = worst(findings)
    return limit != "never" and found is not None and SEVERITIES.index(found) <= SEVERITIES.index(limit)
