"""Rules of the history of files, which need no server; and of exceptions."""

from __future__ import annotations

from .rule import Instead, Rule

RULES: tuple[Rule, ...] = (
    Rule(
        "merged-migration-changed",
        "danger",
        "a merged migration was edited",
        "It may be executed already, in production or by a colleague, and is not executed again. Databases made before"
        " the edit and after it differ from then on, and `sqlmigrate verify` refuses the changed file.",
        (
            Instead(
                "-- take the edit back: git checkout origin/main -- sql/002_add_settings.up.sql\n"
                "-- and write it as a new migration, 005_widen_settings.up.sql\n"
                "alter table settings alter column value type text;"
            ),
        ),
        can_be_allowed=False,
    ),
    Rule(
        "merged-migration-renamed",
        "danger",
        "a merged migration was renamed",
        "The history of a database knows a migration by its version and name. Under another name it is a new one,"
        " which is executed a second time, and the old one is missing.",
        (Instead("-- give it its old name: git mv sql/003_settings.up.sql sql/002_settings.up.sql"),),
        can_be_allowed=False,
    ),
    Rule(
        "merged-migration-deleted",
        "danger",
        "a merged migration was deleted",
        "Databases that have executed it cannot take it back any more, and a new database lacks what it makes.",
        (
            Instead(
                "-- bring it back: git checkout origin/main -- sql/002_add_settings.up.sql\n"
                "-- and take back what it makes in a new migration, 005_drop_settings.up.sql\n"
                "drop table settings;"
            ),
        ),
        can_be_allowed=False,
    ),
    Rule(
        "version-below-merged",
        "danger",
        "a new migration stands before one that is merged",
        "Where the merged one is executed already, the new one comes after it; in a new database, before it. The two"
        " orders may not end in the same schema.",
        (Instead("-- move the new files behind the newest that is merged: sqlmigrate renumber"),),
        can_be_allowed=False,
    ),
    Rule(
        "version-taken",
        "danger",
        "the version was taken meanwhile",
        "Since the branch was made, another migration with this version was merged. Two of one version cannot stand"
        " in one folder.",
        (Instead("-- move the new files behind the newest that is merged: sqlmigrate renumber"),),
        can_be_allowed=False,
    ),
    Rule(
        "allow-without-need",
        "warning",
        "an exception that nothing needs",
        "A line that allows what does not happen hides nothing today, and hides something tomorrow: take it out, or"
        " name the rule that is meant.",
        can_be_allowed=False,
    ),
)
