"""Writes the pairs of files: all of them or none, and never in the place of another file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlmigrate.errors import NOTHING_CHANGED, ConfigError


@contextmanager
def written(texts: Mapping[str, str]) -> Iterator[list[str]]:
    """Write the files that do not exist yet, and give their paths; if the block raises, they are removed again.

    A file that exists has the same text: `make_pairs` keeps every other one. Raises `ConfigError` if a file cannot be
    written.
    """
    made: list[Path] = []
    try:
        for path, text in texts.items():
            target = Path(path)
            if target.exists():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("x", encoding="utf-8", newline="") as file:
                made.append(target)
                file.write(text)
        yield [str(each) for each in made]
    except BaseException as error:
        for each in made:
            with suppress(OSError):
                each.unlink()
        if isinstance(error, OSError):
            raise _unwritable(error) from None
        raise


def _unwritable(error: OSError) -> ConfigError:
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        message = f"the folder of {error.filename} cannot be created: a file has its name"
        hint = "name another folder with --directory, or remove that file"
    else:
        message = f"{error.filename} cannot be written: {error.strerror}"
        hint = "give the user who runs sqlmigrate the right to write there, or free space"
    return ConfigError(message, state=NOTHING_CHANGED, hint=hint, next_steps=["sqlmigrate adopt --write"])
