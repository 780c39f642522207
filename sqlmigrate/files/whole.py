"""Writes a file whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def begun_path(target: Path) -> Path:
    """Return the path at which a file is written until it is complete; no reader of the folder sees it."""
    return target.with_name(f".{target.name}.writing")


@contextmanager
def begun(target: Path) -> Iterator[Path]:
    """Provide the path at which a file is written until it is complete.

    A process that is killed in the middle leaves no half file under the name of the target.
    """
    path = begun_path(target)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def write_whole(target: Path, text: str) -> None:
    """Write a file whole, never in the place of another one.

    Raises `FileExistsError` if a file has the name by now, and other `OSError`s if it cannot be written.
    """
    with begun(target) as path:
        path.write_text(text, encoding="utf-8", newline="")
        place(path, target)


def overwrite(target: Path, text: str) -> None:
    """Write a file whole, in the place of the one that has the name; raises `OSError` if it cannot be written."""
    with begun(target) as path:
        path.write_text(text, encoding="utf-8", newline="")
        path.replace(target)


def place(source: Path, target: Path) -> None:
    """Give a file a second name, never in the place of another file, as a rename would; raises `FileExistsError`.

    In a file system without hard links it is renamed.
    """
    try:
        target.hardlink_to(source)
    except FileExistsError:
        raise
    except OSError:
        if target.exists():
            raise FileExistsError(17, "File exists", str(target)) from None
        source.rename(target)
