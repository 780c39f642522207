"""The squashed migrations of a branch: which are to be proven, and what the branch does to their archive.

Checksums need no server: the squashed file lists those of the up files that it replaces. The list has no down files,
so these are compared with the merged ones.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlmigrate.files import compare
from sqlmigrate.files.migration import Folder, Migration, archive_of, checksum
from sqlmigrate.plan.squashed import members_of
from sqlmigrate.review.rules.rule import Finding, Severity
from sqlmigrate.review.rules.squashed import SQUASH_NOT_PROVEN, SQUASHED_ARCHIVE_CHANGED
from sqlmigrate.source import Source
from sqlmigrate.spelling import some

_SHOWN = 3  # files that are named


@dataclass(frozen=True)
class Squash:
    """A squashed migration that is to be proven.

    Attributes:
        migration: the squashed migration
        replaced: what it replaces, from the archive
    """

    migration: Migration
    replaced: tuple[Migration, ...]


@dataclass(frozen=True)
class Archived:
    """What is merged.

    Attributes:
        ref: the name of the tip of the base
        commit: the merge base
        known: the merged migrations of the folder and of the archive, by label
        paths: the files that the archive has there
    """

    ref: str = ""
    commit: str = ""
    known: Mapping[str, Migration] | None = None
    paths: frozenset[str] = frozenset()


def merged(ref: str, commit: str, folder: Sequence[Migration], archive: Sequence[Migration]) -> Archived:
    """Return what is merged, from the folder and the archive of the base."""
    paths = {source.path for each in archive for source in (each.up, each.down) if source}
    return Archived(ref, commit, {each.label: each for each in (*archive, *folder)}, frozenset(paths))


def look(
    mine: Sequence[Migration], changed: Sequence[Migration], was: Archived
) -> tuple[tuple[Squash, ...], tuple[Finding, ...]]:
    """Return the squashed migrations that are to be proven, and what is wrong with the archive.

    Args:
        mine: The folder.
        changed: The migrations that are new, or not as they are merged.
        was: What is merged.
    """
    squashes: list[Squash] = []
    findings: list[Finding] = []
    archive = archive_of(mine)
    for squashed in mine:
        if squashed.replaces is None or squashed.faults:
            continue
        is_changed = squashed in changed
        if not is_changed and not was.paths:
            continue
        found = list(_of_archive(squashed, archive.migrations, was, is_changed=is_changed))
        members = members_of(squashed, archive)
        missing = [one.label for one, migration in members if migration is None]
        if is_changed and (missing or not members):
            findings.append(_not_proven(squashed, archive.path, missing))
        elif is_changed and not any(finding.severity == "danger" for finding in found):
            squashes.append(Squash(squashed, tuple(each for _, each in members if each)))
        findings += found
    return tuple(squashes), tuple(findings)


def _not_proven(squashed: Migration, path: str, missing: Sequence[str]) -> Finding:
    what = f"{path} lacks {some(missing, _SHOWN)}" if missing else f"{path} has none of them"
    message = f"it is not known whether {squashed.label} makes the same as what it replaces: {what}"
    advice = f"commit the archive together with the squashed migration:\ngit add {shlex.quote(path)}"
    return Finding(SQUASH_NOT_PROVEN, "danger", message, path=squashed.up.path, what_now=advice)


def _of_archive(
    squashed: Migration, archive: Sequence[Migration], was: Archived, *, is_changed: bool
) -> Iterator[Finding]:
    """Return what a branch does to the files that a squashed migration replaces."""
    replaces = squashed.replaces
    now = {each.label: each for each in archive if replaces and replaces.covers(each.number)}
    old = {label: each for label, each in (was.known or {}).items()
           if replaces and replaces.covers(each.number) and label != squashed.label}  # fmt: skip
    listed = {each.label: each for each in replaces.listed} if replaces else {}
    for label, each in now.items():
        before = old.get(label)
        is_edited = before is not None and before.checksum != each.checksum
        is_wrong = label in listed and not listed[label].is_text(each.checksum)
        if (is_wrong and (is_changed or is_edited)) or (is_edited and label not in listed):
            yield _edited(squashed, each, before, was)
        if before and (what := _of_down(before.down, each.down)):
            yield _down(squashed, each, before, what, was)
    gone = [each for label, each in old.items() if label not in now and each.up.path in was.paths]
    if gone:
        yield _deleted(squashed, gone, was, is_whole=not now)


def _edited(squashed: Migration, now: Migration, before: Migration | None, was: Archived) -> Finding:
    message = f"the up file of {now.label} in the archive is not the text that was squashed into {squashed.label}"
    return _finding(message, now.up.path, _restoring(now.up.path, before.up if before else None, was))


def _of_down(before: Source | None, now: Source | None) -> str:
    if before is None or now is None:
        return "" if before is now else "was added" if now else "was deleted"
    if checksum(before.text) == checksum(now.text):
        return ""
    return f"was edited ({compare.what_changed(before.text, now.text)})"


def _down(squashed: Migration, now: Migration, before: Migration, what: str, was: Archived) -> Finding:
    path = now.up.path.removesuffix(".up.sql") + ".down.sql"
    message = (
        f"the down file of {now.label} in the archive {what}: a database that has only a part of what "
        f"{squashed.label} replaces undoes it with this file"
    )
    return _finding(message, path, _restoring(path, before.down, was), "warning")


def _deleted(squashed: Migration, gone: Sequence[Migration], was: Archived, *, is_whole: bool) -> Finding:
    paths = [source.path for each in gone for source in (each.up, each.down) if source]
    folder = gone[0].up.path.rpartition("/")[0]
    refused = f"a database that has only a part of what {squashed.label} replaces is refused then"
    source = f"git restore --source={was.commit[:12]} --"
    if is_whole:
        advice = f"delete it when all databases are past {squashed.version}; to keep it:\n{source} {folder}"
        return _finding(f"the archive {folder}/ was deleted: {refused}", squashed.up.path, advice, "warning")
    names = some([each.label for each in gone], _SHOWN)
    message = f"{names} {'were' if len(gone) > 1 else 'was'} deleted from {folder}/: {refused}"
    advice = f"restore {'them' if len(gone) > 1 else 'it'}:\n{source} {' '.join(map(shlex.quote, paths))}"
    return _finding(message, squashed.up.path, advice)


def _restoring(path: str, before: Source | None, was: Archived) -> str:
    path, merged = shlex.quote(path), before.path if before else ""
    if not merged:
        return f"delete it, or take back the text that was squashed:\ngit log -p -- {path}"
    if merged in was.paths:
        return f"restore it:\ngit restore --source={was.commit[:12]} -- {path}"
    return f"take the merged text:\ngit show {was.commit[:12]}:./{shlex.quote(merged)} > {path}"


def _finding(message: str, path: str, what_now: str, severity: Severity = "danger") -> Finding:
    return Finding(SQUASHED_ARCHIVE_CHANGED, severity, message, path=path, what_now=what_now)


def of_folder(migrations: Folder, chosen: Sequence[Migration]) -> tuple[tuple[Squash, ...], tuple[Finding, ...]]:
    """Return the same for migrations that are named or pending: nothing is known of what is merged."""
    return look(migrations, chosen, Archived())
