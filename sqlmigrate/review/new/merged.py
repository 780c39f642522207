"""Which migrations are new: the working tree against what is merged, and what git alone finds wrong.

The new side is the folder as it is on disk, committed or not. The base side is the commit where HEAD and the base's tip
have parted. Faults of the base's folder are nobody's now: what is a migration there counts, the rest is passed over.
"""

from __future__ import annotations

import difflib
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlmigrate.files import compare, file_text, folder
from sqlmigrate.files.migration import Migration, checksum
from sqlmigrate.source import Source

from .git import Ref, open_repository

_NO_COMMITS = "a repository without commits"  # in the place of a ref
_ALIKE = 0.5  # of a text, as git's own rename detection has it


@dataclass(frozen=True)
class Base:
    """What is merged: `ref` is the base's tip by name, `commit` where HEAD has parted from it, with its migrations.

    `tip` holds the migrations of the tip itself: others may have been merged meanwhile.
    """

    ref: str
    commit: str
    migrations: tuple[Migration, ...]
    tip: tuple[Migration, ...]


@dataclass(frozen=True)
class GitFinding:
    """What git alone finds wrong: with the rule's name, the file, a sentence, and what to do now."""

    rule: str
    path: str
    message: str
    what_now: str


@dataclass(frozen=True)
class New:
    """The new migrations in order, the base they stand on, and what is wrong with either."""

    base: Base
    migrations: tuple[Migration, ...]
    findings: tuple[GitFinding, ...]


def find_new(directory: str, ref: str | None, environment: Mapping[str, str]) -> New:
    """Tell which migrations of the folder are new against a ref, or against the upstream's default branch. Read-only.

    Raises `ConfigError` where git cannot say, and what `files.load` raises.
    """
    migrations = folder.load(directory)
    base = read(directory, ref, environment)
    renamed = dict(_renamed(base.migrations, migrations))
    added = added_to(base, migrations)
    findings = [*_merged(base, migrations, renamed), *_versions(base, added, ref)]
    return New(base, added, tuple(findings))


def read(directory: str, ref: str | None, environment: Mapping[str, str]) -> Base:
    """Read what is merged from git."""
    repository = open_repository(directory, environment)
    tip = repository.base(ref)
    if tip is None:
        return Base(_NO_COMMITS, "", (), ())
    commit = repository.merge_base(tip)
    commits = list(dict.fromkeys([commit, tip.commit]))
    folders = [_migrations(directory, texts) for texts in repository.texts(commits)]
    return Base(_shown(tip), commit, folders[0], folders[-1])


def _shown(tip: Ref) -> str:
    return tip.name[:12] if tip.commit == tip.name else tip.name


def _migrations(directory: str, texts: Mapping[str, bytes]) -> tuple[Migration, ...]:
    prefix = os.path.join(directory, "")  # noqa: PTH118 - paths as `files.load` gives them
    by_path = {prefix + name: raw for name, raw in texts.items()}
    migrations, _ = folder.pair(prefix, sorted(texts), lambda path: file_text.decode(path, by_path[path]))
    return migrations


def added_to(base: Base, migrations: Sequence[Migration]) -> tuple[Migration, ...]:
    """Give those that are neither merged nor merged under another name."""
    known = {migration.label for migration in base.migrations}
    known |= {migration.label for migration in dict(_renamed(base.migrations, migrations)).values()}
    return tuple(migration for migration in migrations if migration.label not in known)


def _renamed(merged: Sequence[Migration], mine: Sequence[Migration]) -> Iterator[tuple[str, Migration]]:
    """Give the label of each merged migration that has another one now, with the migration it has become."""
    labels, old_labels = ({migration.label for migration in side} for side in (mine, merged))
    free = [migration for migration in mine if migration.label not in old_labels]
    for old in merged:
        if old.label in labels:
            continue
        found = next((now for now in free if now.checksum == old.checksum), None)
        found = found or next((now for now in free if now.number == old.number and _is_alike(old, now)), None)
        if found:
            free.remove(found)
            yield old.label, found


def _is_alike(old: Migration, now: Migration) -> bool:
    return old.name == now.name or difflib.SequenceMatcher(None, old.up.text, now.up.text).ratio() >= _ALIKE


def _merged(base: Base, mine: Sequence[Migration], renamed: Mapping[str, Migration]) -> Iterator[GitFinding]:
    """Find what was done to merged migrations."""
    by_label = {migration.label: migration for migration in mine}
    for old in base.migrations:
        if old.label in by_label:
            yield from _changed(base, old, by_label[old.label])
        elif old.label in renamed:
            yield _was_renamed(base, old, renamed[old.label])
        else:
            yield GitFinding(
                "merged-migration-deleted",
                old.up.path,
                f"{old.label} is merged in {base.ref}, and was deleted",
                f"bring it back: {_restore(base, old.up, old.down)} · what it did is undone by a new migration",
            )


def _changed(base: Base, old: Migration, now: Migration) -> Iterator[GitFinding]:
    up = compare.what_changed(old.up.text, now.up.text) if old.checksum != now.checksum else None
    down = _down_change(old, now)
    if not (up or down):
        return
    what = " and ".join(filter(None, [f"its up file was edited ({up})" if up else "", down or ""]))
    if up:
        back = f"bring it back: {_restore(base, old.up)}"
        what_now = f"{back} · databases that have executed it would " + (
            "never get the change, it belongs in a new migration"
            if up == "SQL"
            else f"call it changed; or accept it on each: sqlmigrate repair {old.version}"
        )
    else:
        what_now = (
            "`down` executes the file as it is now; is that meant, say why at its head:"
            " -- sqlmigrate: allow merged-migration-changed (why)"
            if now.down
            else f"bring it back: {_restore(base, old.down)}"
        )
    path = (now.up if up else now.down or old.down or now.up).path
    yield GitFinding("merged-migration-changed", path, f"{old.label} is merged in {base.ref}, and {what}", what_now)


def _down_change(old: Migration, now: Migration) -> str | None:
    if old.down is None or now.down is None:
        if old.down is now.down:
            return None
        return "a down file was added" if now.down else "its down file was deleted"
    if checksum(old.down.text) == checksum(now.down.text):
        return None
    return f"its down file was edited ({compare.what_changed(old.down.text, now.down.text)})"


def _was_renamed(base: Base, old: Migration, now: Migration) -> GitFinding:
    pairs = [(now.up, old.up), *([(now.down, old.down)] if now.down and old.down else [])]
    moves = " && ".join(f"mv {shlex.quote(one.path)} {shlex.quote(other.path)}" for one, other in pairs)
    edited = "" if now.checksum == old.checksum else ", and its up file was edited"
    return GitFinding(
        "merged-migration-renamed",
        now.up.path,
        f"{old.label} is merged in {base.ref}, and was renamed to {now.label}{edited}",
        f"name it as before: {moves} · databases that have executed it know it by that name",
    )


def _restore(base: Base, *sources: Source | None) -> str:
    paths = " ".join(shlex.quote(source.path) for source in sources if source)
    return f"git restore --source={base.commit[:12]} -- {paths}"


def _versions(base: Base, added: Sequence[Migration], ref: str | None) -> Iterator[GitFinding]:
    """Find new versions that come too late."""
    newest = base.migrations[-1] if base.migrations else None
    what_now = "move it behind the newest: sqlmigrate renumber" + (f" --base {shlex.quote(ref)}" if ref else "")
    for migration in added:
        if newest and migration.number <= newest.number:
            message = f"version {migration.version} is not above {newest.label}, the newest merged in {base.ref}"
            rule = "version-below-merged"
        elif trouble := _meanwhile(base, migration):
            message, rule = trouble, "version-taken"
        else:
            continue
        yield GitFinding(rule, migration.up.path, message, what_now)


def _meanwhile(base: Base, migration: Migration) -> str | None:
    """Say what was merged since HEAD parted from the base's tip, and stands in the way of a new migration."""
    if is_merged_meanwhile(base, migration):
        return None
    for other in base.tip:
        if other.number == migration.number:
            return f"version {migration.version} was taken in {base.ref} meanwhile, by {other.label}"
    if base.tip and base.tip[-1].number > migration.number:
        return f"version {migration.version} is below {base.tip[-1].label}, which was merged in {base.ref} meanwhile"
    return None


def is_merged_meanwhile(base: Base, migration: Migration) -> bool:
    """Tell whether the tip has that very migration: it was merged by another way (squashed, picked)."""
    return any(migration.label == other.label and migration.checksum == other.checksum for other in base.tip)
