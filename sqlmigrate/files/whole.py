"""Writes a file whole or not at all, and never in the place of another one."""

from __future__ import annotations

from pathlib import Path


def write_whole(target: Path, text: str) -> None:
    """Write a file under another name, which no reader of the folder sees, and give it its name when it is complete.

    A process that is killed in the middle leaves no half file. Raises `FileExistsError` if a file has the name by now,
    and other `OSError`s if it cannot be written.
    """
    begun = target.with_name(f".{target.name}.writing")
    try:
        with begun.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
        place(begun, target)
    finally:
        begun.unlink(missing_ok=True)


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
