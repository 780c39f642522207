"""Writes the pairs of files: all of them or none, each whole or not at all, and never in the place of another file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlmigrate.errors import NOTHING_CHANGED, ConfigError
from sqlmigrate.files.whole import write_whole


@contextmanager
def written(texts: Mapping[str, str], is_unknown: Callable[[], bool] = lambda: False) -> Iterator[list[str]]:
    """Write the files that do not exist yet, and give their paths; if the block raises, they are removed again.

    They stay if it is not known whether the server has recorded them, because the connection was lost. A file that
    exists has the same text: `make_pairs` keeps every other one. Raises `ConfigError` if a file cannot be written.
    """
    made: list[Path] = []
    try:
        for path, text in texts.items():
            target = Path(path)
            if target.exists():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            _write_whole(target, text)
            made.append(target)
        yield [str(each) for each in made]
    except BaseException as error:
        for each in [] if is_unknown() else made:
            with suppress(OSError):
                each.unlink()
        if isinstance(error, OSError):
            raise _unwritable(error) from None
        raise


def _write_whole(target: Path, text: str) -> None:
    try:
        write_whole(target, text)
    except FileExistsError:
        raise ConfigError(
            f"{target} was made by another program in this moment",
            state=NOTHING_CHANGED,
            next_steps=["sqlmigrate adopt"],
        ) from None


def _unwritable(error: OSError) -> ConfigError:
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        message = f"the folder of {error.filename} cannot be created: a file has its name"
        hint = "name another folder with --directory, or remove that file"
    else:
        message = f"{error.filename} cannot be written: {error.strerror}"
        hint = "give the user who runs sqlmigrate the right to write there, or free space"
    return ConfigError(message, state=NOTHING_CHANGED, hint=hint, next_steps=["sqlmigrate adopt --write"])
