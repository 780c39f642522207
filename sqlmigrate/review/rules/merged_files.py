"""The rules of merged files, which need no server; and the rule of unused exceptions."""

from __future__ import annotations

from .rule import Example, Rule

MERGED_MIGRATION_CHANGED = Rule(
    "merged-migration-changed",
    "danger",
    "a merged migration was edited",
    (
        "It may be executed already, in production or by a colleague, and is not executed again. From then "
        "on, databases made before the edit and after it differ, and `sqlmigrate verify` refuses the changed "
        "file."
    ),
    examples=(
        Example(
            """\
-- undo the edit: git checkout origin/main -- sql/002_add_settings.up.sql
-- and write it as a new migration, 005_widen_settings.up.sql
alter table settings alter column value type text;
"""
        ),
    ),
    can_be_allowed=False,
)
MERGED_MIGRATION_RENAMED = Rule(
    "merged-migration-renamed",
    "danger",
    "a merged migration was renamed",
    (
        "The history of a database identifies a migration by its version and name. Under another name it is a "
        "new migration, which is executed a second time, and the old one is missing."
    ),
    examples=(
        Example(
            """\
-- restore the old name: git mv sql/003_settings.up.sql sql/002_settings.up.sql
"""
        ),
    ),
    can_be_allowed=False,
)
MERGED_MIGRATION_DELETED = Rule(
    "merged-migration-deleted",
    "danger",
    "a merged migration was deleted",
    "Databases that have executed it report it as missing, and a new database lacks what it creates.",
    examples=(
        Example(
            """\
-- restore the file: git checkout origin/main -- sql/002_add_settings.up.sql
-- and remove what it creates in a new migration, 005_drop_settings.up.sql
drop table settings;
"""
        ),
    ),
    can_be_allowed=False,
)
VERSION_BELOW_MERGED = Rule(
    "version-below-merged",
    "danger",
    "a new migration has a lower version than a merged one",
    (
        "Where the merged migration is executed already, the new one runs after it. In a new database it runs "
        "before it. The two orders may end in different schemas."
    ),
    examples=(
        Example(
            """\
-- give the new files versions above the merged ones: sqlmigrate renumber
"""
        ),
    ),
    can_be_allowed=False,
)
VERSION_TAKEN = Rule(
    "version-taken",
    "danger",
    "the version is already taken",
    (
        "Another migration with this version was merged after the branch was created. Two migrations of one "
        "folder cannot have the same version."
    ),
    examples=(
        Example(
            """\
-- give the new files versions above the merged ones: sqlmigrate renumber
"""
        ),
    ),
    can_be_allowed=False,
)
SCHEMA_FILE_OUTDATED = Rule(
    "schema-file-outdated",
    "warning",
    "schema.sql does not show what the migrations make",
    (
        "Reviewers read in it what a table looks like after the migration, and two branches that alter the same "
        "table meet in it in a merge conflict. An old file shows the wrong result, and the next branch finds "
        "changes in it that are not its own."
    ),
    examples=(
        Example(
            """\
-- write it again, and commit it with the migration: sqlmigrate schema
"""
        ),
    ),
    can_be_allowed=False,
)
ALLOW_WITHOUT_NEED = Rule(
    "allow-without-need",
    "warning",
    "an unused exception",
    (
        "An `allow` that allows nothing hides nothing today, and may hide a new finding tomorrow. Remove it, "
        "or name the rule that is intended."
    ),
    can_be_allowed=False,
)

RULES: tuple[Rule, ...] = (
    MERGED_MIGRATION_CHANGED,
    MERGED_MIGRATION_RENAMED,
    MERGED_MIGRATION_DELETED,
    VERSION_BELOW_MERGED,
    VERSION_TAKEN,
    SCHEMA_FILE_OUTDATED,
    ALLOW_WITHOUT_NEED,
)
