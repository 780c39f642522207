"""Which migrations are new: the working tree compared with what is merged, and what git shows to be wrong.

The new side is the folder as it is on disk, committed or not. The base side is the merge base of HEAD and the tip of
the base. Faults in the base's folder are ignored: only its migrations count.
"""

from __future__ import annotations

import difflib
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlmigrate.errors import gather
from sqlmigrate.files import compare, file_text, folder
from sqlmigrate.files.migration import Folder, Migration, checksum
from sqlmigrate.files.replaces import ARCHIVE
from sqlmigrate.review.rules.merged_files import (
    MERGED_MIGRATION_CHANGED,
    MERGED_MIGRATION_DELETED,
    MERGED_MIGRATION_RENAMED,
    VERSION_BELOW_MERGED,
    VERSION_TAKEN,
)
from sqlmigrate.review.rules.rule import Finding, Rule
from sqlmigrate.source import Source

from . import squashed
from .git import Ref, open_repository
from .squashed import Squash

_NO_COMMITS = "a repository without commits"  # in the place of a ref
_ALIKE = 0.5  # of a text, as git's own rename detection has it


@dataclass(frozen=True)
class Base:
    """What is merged.

    Attributes:
        ref: the name of the tip of the base
        commit: the merge base of HEAD and the tip
        migrations: the migrations at the merge base
        tip: the migrations at the tip: others may have been merged since
    """

    ref: str
    commit: str
    migrations: Folder
    tip: Folder


@dataclass(frozen=True)
class New:
    """The new migrations.

    Attributes:
        base: what is merged
        migrations: the new migrations, in order
        findings: what is wrong with new or merged migrations
        squashes: the squashed migrations that are new or changed, with what they replace
    """

    base: Base
    migrations: tuple[Migration, ...]
    findings: tuple[Finding, ...]
    squashes: tuple[Squash, ...] = ()


def find_new(directory: str, ref: str | None, environment: Mapping[str, str]) -> New:
    """Return the migrations of the folder that are not merged in a ref, or in the default branch. Read-only.

    Args:
        directory: The folder.
        ref: A branch, tag or commit; None for the default branch of the upstream.
        environment: The environment variables of the process.

    Raises:
        ConfigError: Git cannot compare them.
        MigrationError: The folder has faults that are not merged.
    """
    migrations = folder.survey(directory, holds_data=True)
    base = read(directory, ref, environment)
    merged = {fault.message for side in (base.migrations, base.tip) for fault in side.faults}
    if faults := [fault for fault in migrations.faults if fault.message not in merged]:
        raise gather(faults)
    renamed = dict(_renamed(base.migrations, migrations))
    added = added_to(base, migrations)
    findings = [*_merged(base, migrations, renamed), *_versions(base, added, ref)]
    if not any(each.replaces for each in (*migrations, *base.migrations)):
        return New(base, added, tuple(findings))
    squashes, of_archive = squashed.look(
        migrations, _changed_here(base, migrations), _archived(directory, base, environment)
    )
    return New(base, added, (*findings, *of_archive), squashes)


def _changed_here(base: Base, mine: Sequence[Migration]) -> list[Migration]:
    """Return the migrations that are new, or not as they are merged."""
    merged = {each.label: each for each in base.migrations}
    return [
        each
        for each in mine
        if (old := merged.get(each.label)) is None or each.checksum != old.checksum or _down_change(old, each)
    ]


def _archived(directory: str, base: Base, environment: Mapping[str, str]) -> squashed.Archived:
    """Read from git the archive of what is merged."""
    archive: Sequence[Migration] = ()
    if base.commit:
        (texts,) = open_repository(directory, environment).texts([base.commit], ARCHIVE)
        archive = _migrations(os.path.join(directory, ARCHIVE), texts)  # noqa: PTH118 - as in `_migrations`
    return squashed.merged(base.ref, base.commit, base.migrations, archive)


def read(directory: str, ref: str | None, environment: Mapping[str, str]) -> Base:
    """Read from git what is merged."""
    repository = open_repository(directory, environment)
    tip = repository.base(ref)
    if tip is None:
        return Base(_NO_COMMITS, "", Folder(), Folder())
    commit = repository.merge_base(tip)
    commits = list(dict.fromkeys([commit, tip.commit]))
    folders = [_migrations(directory, texts) for texts in repository.texts(commits)]
    return Base(_shown(tip), commit, folders[0], folders[-1])


def _shown(tip: Ref) -> str:
    return tip.name[:12] if tip.commit == tip.name else tip.name


def _migrations(directory: str, texts: Mapping[str, bytes]) -> Folder:
    prefix = os.path.join(directory, "")  # noqa: PTH118 - paths as `files.load` gives them
    by_path = {prefix + name: raw for name, raw in texts.items()}
    return folder.pair(prefix, sorted(texts), lambda path: file_text.decode(path, by_path[path]))


def added_to(base: Base, migrations: Sequence[Migration]) -> tuple[Migration, ...]:
    """Return the migrations that are not merged, under another name included."""
    known = {migration.label for migration in base.migrations}
    known |= {migration.label for migration in dict(_renamed(base.migrations, migrations)).values()}
    return tuple(migration for migration in migrations if migration.label not in known)


def _renamed(merged: Sequence[Migration], mine: Sequence[Migration]) -> Iterator[tuple[str, Migration]]:
    """Return the label of each merged migration that was renamed, with what it is now."""
    labels, old_labels = ({migration.label for migration in side} for side in (mine, merged))
    free = [migration for migration in mine if migration.label not in old_labels and not migration.replaces]
    for old in merged:
        if old.label in labels or squashed_into(old, mine):
            continue
        found = next((now for now in free if now.checksum == old.checksum), None)
        found = found or next((now for now in free if now.number == old.number and _is_alike(old, now)), None)
        if found:
            free.remove(found)
            yield old.label, found


def squashed_into(old: Migration, mine: Sequence[Migration]) -> Migration | None:
    """Return the squashed migration that replaces a merged one; None if none does."""
    return next(
        (now for now in mine if now.label != old.label and now.replaces and now.replaces.covers(old.number)), None
    )


def _is_alike(old: Migration, now: Migration) -> bool:
    return old.name == now.name or difflib.SequenceMatcher(None, old.up.text, now.up.text).ratio() >= _ALIKE


def _merged(base: Base, mine: Sequence[Migration], renamed: Mapping[str, Migration]) -> Iterator[Finding]:
    """Return findings of merged migrations that were edited, renamed or deleted."""
    by_label = {migration.label: migration for migration in mine}
    for old in base.migrations:
        if old.label in by_label:
            yield from _changed(base, old, by_label[old.label])
        elif into := squashed_into(old, mine):
            yield from _was_squashed(base, old, into)
        elif old.label in renamed:
            yield _was_renamed(base, old, renamed[old.label])
        else:
            yield _finding(
                MERGED_MIGRATION_DELETED,
                old.up.path,
                f"{old.label} is merged in {base.ref}, and was deleted",
                f"restore it, and undo in a new migration what it did:\n{_restore(base, old.up, old.down)}",
            )


def _changed(base: Base, old: Migration, now: Migration) -> Iterator[Finding]:
    up = compare.what_changed(old.up.text, now.up.text) if old.checksum != now.checksum else None
    down = _down_change(old, now)
    if not (up or down):
        return
    what = " and ".join(filter(None, [f"its up file was edited ({up})" if up else "", down or ""]))
    if up == "SQL":
        advice = (
            "databases that have executed it never get the change; restore the file, and change it in a new migration:"
        )
        advice += f"\n{_restore(base, old.up)}"
    elif up:
        advice = "restore the file, or accept the change on each database that has executed it:"
        advice += f"\n{_restore(base, old.up)}\nor: sqlmigrate repair {old.version}"
    elif now.down:
        advice = "`down` executes the file as it is now; if that is intended, add at its head:"
        advice += "\n-- sqlmigrate: allow merged-migration-changed (why)"
    else:
        advice = f"restore it:\n{_restore(base, old.down)}"
    path = (now.up if up else now.down or old.down or now.up).path
    message = f"{old.label} is merged in {base.ref}, and {what}"
    yield _finding(MERGED_MIGRATION_CHANGED, path, message, advice)


def _down_change(old: Migration, now: Migration) -> str | None:
    if old.down is None or now.down is None:
        if old.down is now.down:
            return None
        return "a down file was added" if now.down else "its down file was deleted"
    if checksum(old.down.text) == checksum(now.down.text):
        return None
    return f"its down file was edited ({compare.what_changed(old.down.text, now.down.text)})"


def _was_squashed(base: Base, old: Migration, squashed: Migration) -> Iterator[Finding]:
    """Return the finding of a merged migration that a squashed one replaces, but was not squashed as it is merged."""
    listed = squashed.replaces.listed if squashed.replaces else ()
    found = next((each for each in listed if each.number == old.number), None)
    if found is None and listed:
        rule, what = MERGED_MIGRATION_DELETED, "was deleted, and {} does not list it"
    elif found and not found.is_text(old.checksum):
        rule, what = MERGED_MIGRATION_CHANGED, "was squashed into {} with another text"
    else:
        return
    message = f"{old.label} is merged in {base.ref}, and {what.format(squashed.label)}"
    advice = f"restore it, and squash again:\n{_restore(base, old.up, old.down)}"
    yield _finding(rule, squashed.up.path, message, advice)


def _was_renamed(base: Base, old: Migration, now: Migration) -> Finding:
    pairs = [(now.up, old.up), *([(now.down, old.down)] if now.down and old.down else [])]
    moves = " && ".join(f"mv {shlex.quote(one.path)} {shlex.quote(other.path)}" for one, other in pairs)
    edited = "" if now.checksum == old.checksum else ", and its up file was edited"
    return _finding(
        MERGED_MIGRATION_RENAMED,
        now.up.path,
        f"{old.label} is merged in {base.ref}, and was renamed to {now.label}{edited}",
        f"databases that have executed it know it by the old name; rename it back:\n{moves}",
    )


def _finding(rule: Rule, path: str, message: str, what_now: str) -> Finding:
    return Finding(rule, rule.severity, message, path=path, what_now=what_now)


def _restore(base: Base, *sources: Source | None) -> str:
    paths = " ".join(shlex.quote(source.path) for source in sources if source)
    return f"git restore --source={base.commit[:12]} -- {paths}"


def _versions(base: Base, added: Sequence[Migration], ref: str | None) -> Iterator[Finding]:
    """Return findings of new versions that are not above the merged ones."""
    newest = base.migrations[-1] if base.migrations else None
    advice = "move it behind the newest:\nsqlmigrate renumber" + (f" --base {shlex.quote(ref)}" if ref else "")
    for migration in added:
        if migration.replaces:
            yield from _merged_into_range(base, migration)
        elif newest and migration.number <= newest.number:
            message = f"version {migration.version} is not above {newest.label}, the newest merged in {base.ref}"
            yield _finding(VERSION_BELOW_MERGED, migration.up.path, message, advice)
        elif conflict := _meanwhile(base, migration):
            yield _finding(VERSION_TAKEN, migration.up.path, conflict, advice)


def _merged_into_range(base: Base, squashed: Migration) -> Iterator[Finding]:
    """Return findings of migrations that were merged since the merge base into the range of a squashed one."""
    replaces, known = squashed.replaces, {each.label for each in base.migrations}
    for other in base.tip:
        if replaces and replaces.covers(other.number) and other.label not in {*known, squashed.label}:
            message = f"{other.label} was merged meanwhile in {base.ref}, in the range {replaces} of {squashed.label}"
            advice = "take the files of the branch back, merge the base, and squash again"
            yield _finding(VERSION_TAKEN, squashed.up.path, message, advice)


def _meanwhile(base: Base, migration: Migration) -> str | None:
    """Describe how a migration that was merged since the merge base conflicts with a new one; None if none does."""
    if is_merged_meanwhile(base, migration):
        return None
    for other in base.tip:
        if other.number == migration.number:
            return f"version {migration.version} was taken meanwhile by {other.label}, which is merged in {base.ref}"
    if base.tip and base.tip[-1].number > migration.number:
        return f"version {migration.version} is below {base.tip[-1].label}, which was merged meanwhile in {base.ref}"
    return None


def is_merged_meanwhile(base: Base, migration: Migration) -> bool:
    """Return whether the tip has the same migration: it was merged in another commit (squashed, cherry-picked)."""
    return any(migration.label == other.label and migration.checksum == other.checksum for other in base.tip)
