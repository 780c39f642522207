"""Files that a call of `fleet` writes beside what it shows: ``--output html=fleet.html``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from sqlmigrate.errors import NOTHING_EXECUTED, ConfigError

_FORMAT = "html"


def pages(texts: Sequence[str]) -> tuple[Path, ...]:
    """Return the files that are to be written; raises `ConfigError` for another format, and for a folder that is not.

    That is asked before anything is executed: afterwards it would be too late.
    """
    found = []
    for text in texts:
        form, _, path = text.partition("=")
        if form != _FORMAT or not path:
            raise ConfigError(
                f"--output {text}: expected {_FORMAT}=FILE",
                state=NOTHING_EXECUTED,
                hint=f"for example: --output {_FORMAT}=fleet.html",
            )
        file = Path(path)
        if not os.access(file if file.exists() else file.parent, os.W_OK) or file.is_dir():
            raise ConfigError(f"--output {text} cannot be written", state=NOTHING_EXECUTED)
        found.append(file)
    return tuple(found)


def write(files: Sequence[Path], page: str) -> None:
    """Write the page to all files; raises `ConfigError` for one that cannot be written."""
    for file in files:
        try:
            file.write_text(page, encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"--output {_FORMAT}={file} cannot be written: {error.strerror}") from error
