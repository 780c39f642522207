"""Diesel: folders `2024-01-01-120000_users/up.sql`, and the table `__diesel_schema_migrations(version, run_on)`.

The version is the name of the folder up to the first `_`, without its dashes (`version_from_string` in
`migrations_internals/src/lib.rs`). Versions are compared as text. `metadata.toml` may switch the transaction off.
"""

from __future__ import annotations

from sqlmigrate.adopt.foreign import ForeignMigration, Listing, Part, Place, Reading
from sqlmigrate.errors import MigrationError
from sqlmigrate.identifiers import quoted
from sqlmigrate.source import Source

from .tool import Guard, Tool, select

_UP, _DOWN, _METADATA = "up.sql", "down.sql", "metadata.toml"


def _read(listing: Listing) -> Reading | None:
    """Read the folders that hold an `up.sql`, or only a `down.sql`."""
    folders = {name.rpartition("/")[0] for name in listing.files if name.rpartition("/")[2] in (_UP, _DOWN)}
    names = [folder for folder in folders if folder and "/" not in folder]
    if not names:
        return None
    migrations = tuple(_migration(listing, name) for name in sorted(names, key=lambda name: (_version(name), name)))
    return Reading("Diesel", listing.folder, migrations, is_marked=False)


def _version(folder: str) -> str:
    return folder.partition("_")[0].replace("-", "")


def _migration(listing: Listing, folder: str) -> ForeignMigration:
    has_transaction, obstacles = _metadata(listing, f"{folder}/{_METADATA}")
    notes = []
    if not has_transaction:
        path = listing.path(f"{folder}/{_METADATA}")
        notes = [MigrationError(f"{path} switches the transaction off: it becomes the directive `no-transaction`")]
    parts = {}
    for name in (_UP, _DOWN):
        file = f"{folder}/{name}"
        source = listing.try_source(file) if file in listing.files else None
        if isinstance(source, Source):
            parts[name] = Part(source.text, has_transaction)
        elif source:
            obstacles.append(source)
    if f"{folder}/{_UP}" not in listing.files:
        obstacles.append(MigrationError(f"{listing.path(folder)} has no file up.sql"))
    return ForeignMigration(
        _version(folder),
        _version(folder),
        folder.partition("_")[2],
        listing.path(folder),
        parts.get(_UP) if not obstacles else None,
        parts.get(_DOWN),
        tuple(notes),
        tuple(obstacles),
        listing.files.get(f"{folder}/{_UP}", b""),
    )


def _metadata(listing: Listing, file: str) -> tuple[bool, list[MigrationError]]:
    """Return whether the migration is executed in a transaction, and why that is not known.

    A file without this setting switches the transaction off (`TomlMetadata` in `migrations_internals/src/lib.rs`).
    """
    import tomllib  # noqa: PLC0415 - it is loaded where a file needs it

    if file not in listing.files:
        return True, []
    try:
        value = tomllib.loads(listing.files[file].decode()).get("run_in_transaction", False)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return True, [MigrationError(f"{listing.path(file)} cannot be read: {error}")]
    if not isinstance(value, bool):
        return True, [MigrationError(f"{listing.path(file)}: `run_in_transaction` is true or false")]
    return value, []


def _query(place: Place) -> str:
    """Read the times in UTC: Diesel sets the time zone of its sessions (`PgConnection::set_config_options`)."""
    table = quoted(place.schema, place.table)
    return select(table, key="t.version", executed_at="t.run_on at time zone 'UTC'", order_by='t.version collate "C"')


def _guard(_place: Place) -> Guard:
    return Guard(
        gap="Diesel still executes, and reverts, a migration with `run_in_transaction = false` before it fails: remove "
        "the old folder"
    )


DIESEL = Tool("Diesel", ("migrations",), _read, _query, guard=_guard)
