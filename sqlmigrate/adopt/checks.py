"""What keeps a history from being taken over, and what has to be done first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlmigrate.errors import NOTHING_CHANGED, HistoryError, MigrationError, SqlmigrateError, gather
from sqlmigrate.spelling import plural

from .adoption import Adoption, Entry

_SHOWN = 5


def refuse(adoption: Adoption, *, trust: bool, ignore_missing: bool = False) -> None:
    """Raise the first error of `errors_of`, with the others."""
    if errors := list(errors_of(adoption, trust=trust, ignore_missing=ignore_missing)):
        raise gather(errors)


def errors_of(adoption: Adoption, *, trust: bool, ignore_missing: bool = False) -> Iterator[SqlmigrateError]:
    """Return an error for everything that keeps files and history from being taken over.

    `trust` says that a file is taken as the executed one although the tool's checksum says that it was changed,
    `ignore_missing` that executed migrations without a file are left out.
    """
    tool = adoption.tool.name
    if unfinished := adoption.unfinished:
        keys = ", ".join(each.key for each in unfinished[:_SHOWN])
        yield HistoryError(
            f"{adoption.history.shown if adoption.history else tool} says that {keys} has failed or is not finished",
            state=NOTHING_CHANGED,
            hint=adoption.tool.repair or f"repair it with {tool} first",
            next_steps=["sqlmigrate adopt"],
        )
    if adoption.history and adoption.history.is_one_row:
        yield from (_without_file(adoption, each.key) for each in adoption.missing)
    elif adoption.history and adoption.missing and not ignore_missing and _is_first(adoption):
        yield _without_files(adoption, adoption.history.shown)
    yield from (_failed_here(tool, each) for each in adoption.to_record if each.here == "failed")
    yield from (_doubled(tool, entries) for entries in adoption.doubled)
    yield from (error.with_(state=NOTHING_CHANGED) for error in adoption.obstacles)
    if adoption.changed and not trust:
        yield from _changed(adoption)


def _failed_here(tool: str, entry: Entry) -> HistoryError:
    """Give the error of a migration that failed here, most likely because the old tool had executed it before."""
    version = entry.pair.migration.version if entry.pair.migration else entry.label
    return HistoryError(
        f"{entry.label} has failed here, and {tool} has executed it",
        state=NOTHING_CHANGED,
        hint="forget the failure, then take it over",
        next_steps=[f"sqlmigrate repair {version}", "sqlmigrate adopt --write"],
    )


def _is_first(adoption: Adoption) -> bool:
    """Tell whether something is still to be recorded, or nothing in the folder is known to the history."""
    return bool(adoption.to_record) or not adoption.executed


def _without_file(adoption: Adoption, version: str) -> HistoryError:
    tool, folder = adoption.tool.name, adoption.reading.folder
    return HistoryError(
        f"{tool} is at version {version}, and {folder} has no file of that version: it is not known which files are "
        "executed",
        state=NOTHING_CHANGED,
        hint="restore the file, or name the folder that belongs to this database",
        next_steps=["sqlmigrate adopt --from FOLDER"],
    )


def _without_files(adoption: Adoption, shown: str) -> HistoryError:
    """Give the error: if the files came back later, `up` would execute them a second time."""
    keys = [each.key for each in adoption.missing]
    some = ", ".join(keys[:_SHOWN]) + (" …" if len(keys) > _SHOWN else "")
    return HistoryError(
        f"{shown} has {plural(len(keys), 'executed migration')} without a file in {adoption.reading.folder}: {some}",
        state=NOTHING_CHANGED,
        hint="take the folder of the release that was executed here last; or, if the files were removed on purpose, "
        "leave these migrations out",
        next_steps=["sqlmigrate adopt --from FOLDER", "or: sqlmigrate adopt --write --ignore-missing"],
    )


def _doubled(tool: str, entries: Sequence[Entry]) -> MigrationError:
    paths = " and ".join(each.pair.foreign.path for each in entries)
    return MigrationError(
        f"{paths} have the same version: the history of {tool} does not say which of them was executed",
        state=NOTHING_CHANGED,
        hint="give the file that was not executed a version of its own",
    )


def _changed(adoption: Adoption) -> Iterator[SqlmigrateError]:
    tool, changed = adoption.tool.name, adoption.changed
    for entry in changed:
        kept, differs = ("statements", "differ") if adoption.tool.keeps_statements else ("checksum", "differs")
        yield MigrationError(
            f"{entry.pair.foreign.path} was changed after {tool} executed it: the {kept} in its history {differs}",
            state=NOTHING_CHANGED,
            hint=f"restore the {'files' if len(changed) > 1 else 'file'}; or, if the change is right, take "
            f"{plural(len(changed), 'changed file')} as executed",
            next_steps=["sqlmigrate adopt --write --trust-changed"],
        )
