"""The folder of another tool beside ours, and what `adopt` shows and writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from project import Project
from terminal import Ended


def write_old(project: Project, folder: str, files: Mapping[str, str | bytes]) -> Path:
    """Write the files of another tool, without any conversion of line ends; gives the folder."""
    target = project.folder.parent / folder
    for name, text in files.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return target


def written(project: Project) -> dict[str, str]:
    """Give the texts of our folder, by name."""
    folder = project.folder
    return {path.name: path.read_bytes().decode() for path in sorted(folder.iterdir())} if folder.is_dir() else {}


def details(project: Project) -> list[tuple[str, str]]:
    """Give version and detail of every row of our log."""
    return project.query("select version, detail from migrations_log order by id")


def remarks(ended: Ended, mark: str) -> str:
    """Give the remarks of that mark, a line each."""
    return "".join(f"{line}\n" for line in ended.stdout.splitlines() if line.startswith(mark))
