"""The file `schema.sql`: whether it is ours, how it differs from the schema, and how it is written."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

from sqlmigrate.errors import ConfigError, MigrationError
from sqlmigrate.files.naming import SCHEMA_FILE
from sqlmigrate.files.whole import overwrite
from sqlmigrate.source import Source

_CONFLICT = re.compile(r"^(?:<{7}|={7}|>{7})(?: .*)?$", re.MULTILINE)


def read(path: Path) -> str | None:
    """Return the text of the file; None if it does not exist.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8", hint=_ANOTHER) from None


_ANOTHER = "name another file: --schema-file, or schema_file in the project's file"


def require_ours(path: Path, text: str | None) -> None:
    """Raise `ConfigError` if a file is there that we have not written."""
    if text and not text.startswith(SCHEMA_FILE):
        raise ConfigError(
            f"{path} was not written by `sqlmigrate schema`, and is not overwritten", hint=f"{_ANOTHER}; or delete it"
        )


def require_outside(path: Path, directory: str) -> None:
    """Raise `ConfigError` if the file would be in the folder of migrations, where each `.sql` file is one."""
    if path.suffix.lower() == ".sql" and Path(directory).resolve() in path.resolve().parents:
        raise ConfigError(
            f"{path} is in the folder of migrations: it would be taken for one",
            state="nothing was written",
            hint="name a file outside of it: --output, or schema_file in the project's file",
        )


def conflict(path: Path, text: str) -> MigrationError | None:
    """Return the error for a file that still has the markers of a merge conflict."""
    found = _CONFLICT.search(text)
    if not found:
        return None
    source = Source(str(path), text)
    return MigrationError(
        f"{path} has the markers of a merge conflict",
        source.span(found.start(), found.end()),
        hint="merge the migrations first; the file is then written again from them, nothing in it is to be merged",
        next_steps=["sqlmigrate schema"],
    )


def difference(path: Path, old: str, new: str) -> Sequence[str]:
    """Return the lines of a unified diff from the file to the schema."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), str(path), "the migrations", n=2, lineterm="")
    return list(lines)


def write(path: Path, text: str) -> None:
    """Write the file whole: whoever is killed in the middle leaves the old one.

    Raises:
        ConfigError: It cannot be written.
    """
    try:
        overwrite(path, text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
