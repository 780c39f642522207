"""The files to write: a pair for each migration of another tool, and what is in the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlmigrate.errors import MigrationError
from sqlmigrate.files.migration import Migration, normalized
from sqlmigrate.source import Source

from .foreign import ForeignMigration, Part, Reading
from .versions import OwnName, own_names

_DIRECTIVE = "-- sqlmigrate: no-transaction\n"


@dataclass(frozen=True)
class Pair:
    """A migration of another tool, and the pair of files that it becomes.

    Attributes:
        foreign: The migration of the other tool.
        migration: The pair; None if it cannot be converted and no file stands in its place.
        is_kept: Whether the files in the folder are kept as they are: they are the originals, or they were written by
            hand, or they differ from the conversion.
        is_written: Whether the folder has the files already, with these texts.
        path: The path of the up file that takes its place if it cannot be converted.
    """

    foreign: ForeignMigration
    migration: Migration | None
    is_kept: bool = False
    is_written: bool = False
    path: str = ""

    @property
    def texts(self) -> Mapping[str, str]:
        """The texts of the files that are written, by path; empty if the files are kept."""
        if self.migration is None or self.is_kept:
            return {}
        sources = filter(None, (self.migration.up, self.migration.down))
        return {source.path: source.text for source in sources}


def make_pairs(reading: Reading, directory: str, existing: Mapping[str, str]) -> list[Pair]:
    """Return the pair of each migration, in the order of their versions.

    `existing` are the texts in `directory`, by path. A file there is kept if its text is another one, and it takes the
    place of a migration that cannot be converted.
    """
    names = own_names(reading.migrations)
    return [
        _kept_in_place(each, own, existing) if reading.in_place else _pair(each, own, directory, existing)
        for each, own in zip(reading.migrations, names, strict=True)
    ]


def _kept_in_place(foreign: ForeignMigration, own: OwnName, texts: Mapping[str, str]) -> Pair:
    """Return the pair of files that already are as ours."""
    down = foreign.path.removesuffix(".up.sql") + ".down.sql"
    below = Source(down, texts[down]) if down in texts else None
    return Pair(
        foreign, Migration(own.version, own.name, Source(foreign.path, texts[foreign.path]), below), is_kept=True
    )


def _pair(foreign: ForeignMigration, own: OwnName, directory: str, existing: Mapping[str, str]) -> Pair:
    paths = [f"{directory}{own.label}.{direction}.sql" for direction in ("up", "down")]
    up, down = _text(foreign, foreign.up, own), _text(foreign, _down(foreign), own)
    kept_up, kept_down = (existing.get(path) for path in paths)
    is_kept = kept_up is not None and (up is None or _differs(kept_up, up) or _differs(kept_down, down))
    if is_kept:
        up, down = kept_up, kept_down
    if up is None:
        return Pair(foreign, None, path=paths[0])
    below = Source(paths[1], down) if down is not None else None
    migration = Migration(own.version, own.name, Source(paths[0], up), below)
    return Pair(foreign, migration, is_kept, is_written=kept_up is not None and not is_kept)


def _down(foreign: ForeignMigration) -> Part | None:
    """Return what undoes a migration; an empty section is none: our file would say that there is something to do."""
    return foreign.down if foreign.down and foreign.down.text.strip() else None


def _differs(text: str | None, other: str | None) -> bool:
    return text is not None and (other is None or normalized(text) != normalized(other))


def _text(foreign: ForeignMigration, part: Part | None, own: OwnName) -> str | None:
    """Return the text of a file: the part as it is, below what the tool says about it elsewhere."""
    if part is None:
        return None
    directive = "" if part.has_transaction else _DIRECTIVE
    before = f"-- before: {foreign.path.rpartition('/')[2]}\n" if own.is_renumbered else ""
    return directive + before + part.text


def obstacles_of(pairs: Sequence[Pair]) -> list[MigrationError]:
    """Return why migrations cannot be converted, where no file of ours stands in their place."""
    return [_with_way_out(error, pair) for pair in pairs if pair.migration is None for error in pair.foreign.obstacles]


def _with_way_out(error: MigrationError, pair: Pair) -> MigrationError:
    """Say which file takes the place of a migration that cannot be converted."""
    hint = error.hint or "write {path} by hand in its place"
    down = pair.path.removesuffix(".up.sql") + ".down.sql"
    return error.with_(hint=hint.replace("{path}", pair.path).replace("{down}", down))
