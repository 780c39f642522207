"""All findings of a migration: the detectors one after the other, and the exceptions that its files make."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmigrate.files.migration import Migration
from sqlmigrate.parsing.script import Script
from sqlmigrate.review.rules.rule import Finding

from . import application, failures, text_only, under_lock, way_back
from .subject import Subject

of_file = failures.of_file


def found(subject: Subject, down: Script | None) -> Iterator[Finding]:
    """Give every finding of a migration that was executed on a shadow."""
    yield from failures.find(subject)
    yield from under_lock.find(subject)
    yield from application.find(subject)
    yield from way_back.find(subject, down)


def static(migration: Migration, up: Script, new: set[str]) -> Iterator[Finding]:
    """Give what the text alone shows, where there is no server; `new` gathers the tables that the new files make."""
    yield from text_only.find(up, new)
    yield from way_back.missing(migration, up)
