"""The folder and the history of another tool, written by hand, for the tests of `adopt`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from project import Project
from terminal import Ended


def put(project: Project, folder: str, files: Mapping[str, str | bytes]) -> None:
    """Write the files of another tool, by their path in its folder, without any conversion of line ends."""
    for name, text in files.items():
        target = project.folder.parent / folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode() if isinstance(text, str) else text)


def written(project: Project) -> dict[str, str]:
    """Give the files of our folder, by name."""
    return texts_in(project.folder)


def texts_in(folder: Path) -> dict[str, str]:
    """Give the files of a folder, by name."""
    if not folder.is_dir():
        return {}
    return {path.name: path.read_bytes().decode() for path in sorted(folder.iterdir()) if path.is_file()}


def details(project: Project) -> dict[str, str]:
    """Give what the log says of each version."""
    return dict(project.query("select version, detail from migrations_log order by id"))


def remarks(ended: Ended) -> list[str]:
    """Give the notes and obstacles that `adopt` shows."""
    return [line for line in ended.stdout.splitlines() if line.startswith(("⚠️", "❌"))]


def found(ended: Ended) -> list[str]:
    """Give what `adopt` says it found: tool, files and history."""
    lines = ended.stdout.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("   files"))
    return [line.strip() for line in lines[start - 1 : start + 2]]


def refused(ended: Ended) -> list[str]:
    """Give the message of a call that was refused, a line each, from the line of the error on."""
    assert ended.code != 0, ended.stdout
    lines = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
    return lines[next(at for at, line in enumerate(lines) if line.startswith("error:")) :]
