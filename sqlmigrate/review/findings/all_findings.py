"""All findings of one migration."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmigrate.files.migration import Migration
from sqlmigrate.parsing.script import Script
from sqlmigrate.review.rules.rule import Finding

from . import (
    altered,
    behaviour,
    created_again,
    down,
    failures,
    fills,
    frozen_time,
    guarantees,
    indexes_left,
    keys,
    locks,
    narrower,
    publications,
    removed,
    replaced,
    rights,
    session_settings,
    text_only,
    types,
)
from .schema_changes import old_changes
from .subject import Subject


def find(subject: Subject, down_script: Script | None) -> Iterator[Finding]:
    """Return every finding of a migration that was executed on a shadow server."""
    yield from created_again.fold(subject, [*_of_up(subject)])
    yield from down.find(subject, down_script)


def _of_up(subject: Subject) -> Iterator[Finding]:
    yield from failures.find(subject)
    yield from locks.find(subject)
    if subject.trip.after is not None:
        changes = old_changes(subject.trip)
        yield from removed.find(subject, changes)
        yield from altered.find(subject, changes)
        yield from behaviour.find(subject, changes)
        yield from types.find(subject, changes)
        yield from narrower.find(subject, changes)
        yield from rights.find(subject, changes)
        yield from replaced.find(subject)
        yield from fills.find(subject)
        yield from guarantees.find(subject)
        yield from indexes_left.find(subject)
        yield from publications.find(subject)
        yield from keys.find(subject)
        yield from session_settings.find(subject)
        yield from frozen_time.find(subject)


def find_in_text(migration: Migration, up: Script, new: set[str]) -> Iterator[Finding]:
    """Return the findings of the text only, without a server; add the tables that it creates to `new`."""
    yield from text_only.find(up, new)
    yield from down.find_missing(migration, up)
