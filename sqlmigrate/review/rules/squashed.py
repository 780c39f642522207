"""The rules of squashed migrations and of the archive of what they replace."""

from __future__ import annotations

from .rule import Example, Rule

SQUASH_DIFFERS = Rule(
    "squash-differs",
    "danger",
    "a squashed migration does not make the same as what it replaces",
    (
        "A new database executes the squashed migration, the others have executed what it replaces. If the two do not "
        "make the same, these databases differ from then on, and nothing tells. Both are executed and compared: "
        "objects with owners and rights, rows, sequences, and what the down file leaves."
    ),
    examples=(
        Example(
            """\
-- a squashed file stays as it was written; a change is a new migration, 043_add_note.up.sql
alter table customers add column note text;
"""
        ),
    ),
)
SQUASH_NOT_PROVEN = Rule(
    "squash-not-proven",
    "danger",
    "it is not known whether a squashed migration makes the same as what it replaces",
    (
        "The proof needs each replaced migration, as it was squashed, in the archive: the folder `squashed` in the "
        "folder of migrations. And it has to execute them: what needs a superuser is executed with --trusted."
    ),
    examples=(
        Example(
            """\
-- commit the archive together with the squashed migration: git add sql/squashed
"""
        ),
    ),
)
SQUASHED_ARCHIVE_CHANGED = Rule(
    "squashed-archive-changed",
    "danger",
    "the archive of a squashed migration was changed",
    (
        "A database that has only a part of what was squashed executes the rest from the archive, and undoes it with "
        "the down files there. So they stay as they were executed everywhere else. The archive can be deleted as a "
        "whole when all databases are past the squashed migration."
    ),
    examples=(
        Example(
            """\
-- restore the file: git checkout origin/main -- sql/squashed/002_add_settings.up.sql
"""
        ),
    ),
    can_be_allowed=False,
)

RULES: tuple[Rule, ...] = (SQUASH_DIFFERS, SQUASH_NOT_PROVEN, SQUASHED_ARCHIVE_CHANGED)
