"""Finds the folder of another tool, and has the tools read it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sqlmigrate.errors import NOTHING_CHANGED, ConfigError

from .foreign import Listing, Reading
from .tools.all_tools import TOOLS
from .tools.tool import Tool

_DEEPEST = 6  # folders in folders
_LARGEST_OTHER = 2**20  # bytes of a file that is not SQL; a larger one is not a part of a tool
_SKIPPED = frozenset(("node_modules", "target", "vendor", "__pycache__"))


class _Files(Mapping[str, bytes]):
    """The files of a folder, each read when it is asked for: the root of a project holds many that no tool reads."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._folder = folder
        self._names = dict.fromkeys(names)
        self._read: dict[str, bytes] = {}

    def __getitem__(self, name: str) -> bytes:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._read:
            try:
                self._read[name] = (self._folder / name).read_bytes()
            except OSError as error:
                raise ConfigError(f"{error.filename or name} cannot be read: {error.strerror}") from None
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def list_folder(folder: str) -> Listing:
    """List the files of a folder; raises `ConfigError` if it does not exist or cannot be read."""
    try:
        return Listing(folder.rstrip("/") or "/", _Files(Path(folder), sorted(_names(Path(folder)))))
    except NotADirectoryError:
        raise ConfigError(
            f"`{folder}` is a file, not a folder", state=NOTHING_CHANGED, hint="name the folder of the migrations"
        ) from None
    except FileNotFoundError:
        raise ConfigError(
            f"the folder `{folder}` does not exist",
            detail=[f"looked for {Path(folder).absolute()}"],
            state=NOTHING_CHANGED,
            hint="name the folder of the other tool with --from",
        ) from None
    except OSError as error:
        raise ConfigError(f"{error.filename or folder} cannot be read: {error.strerror}") from None


def _names(folder: Path, prefix: str = "", depth: int = 0) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                if depth < _DEEPEST and entry.name not in _SKIPPED:
                    yield from _names(Path(entry.path), f"{prefix}{entry.name}/", depth + 1)
            elif entry.is_file() and (entry.name.endswith(".sql") or entry.stat().st_size < _LARGEST_OTHER):
                yield prefix + entry.name


def every_folder() -> set[str]:
    """Return the folders in which the tools usually keep migrations, from the root of a project."""
    return {folder for tool in TOOLS for folder in tool.folders}


def usual_folders(directory: str) -> list[str]:
    """Return the existing folders in which the tools usually keep migrations, and ours; each once."""
    wanted = [*(folder for tool in TOOLS for folder in tool.folders), directory.rstrip("/")]
    found: dict[str, str] = {}
    for folder in wanted:
        if Path(folder).is_dir():
            found.setdefault(os.path.realpath(folder), folder)
    return list(found.values())


def readings(folders: Sequence[str], tools: Sequence[Tool] = TOOLS) -> list[Reading]:
    """Return each folder as each tool reads it, where the files are that tool's.

    A folder whose migrations are all in one folder of its own does not count: some tools read folders in folders.
    """
    listings = [list_folder(folder) for folder in folders]
    found = [
        reading for listing in listings for tool in tools if (reading := tool.read(listing)) and reading.migrations
    ]
    innermost: dict[tuple[str, ...], Reading] = {}
    for each in sorted(found, key=lambda reading: reading.folder.count("/")):
        innermost[each.tool, *(migration.path for migration in each.migrations)] = each
    return [each for each in found if each in innermost.values()]


def by_root_files(tools: Sequence[Tool] = TOOLS) -> list[Reading]:
    """Return the folders that hold a file of a tool, such as its plan, each as that tool reads it."""
    found = [(str(Path(file).parent), tool) for tool in tools for file in tool.root_files if Path(file).is_file()]
    return [reading for folder, tool in found for reading in readings([folder], [tool])]


def by_marks(found: Sequence[Reading]) -> list[Reading]:
    """Leave out tools that go by names alone, in folders whose files say by markers whose they are.

    Of tools that go by names, those come first whose files usually look so.
    """
    marked = {reading.folder for reading in found if reading.is_marked}
    usual = {reading.folder for reading in found if not reading.is_rare}
    return [
        reading
        for reading in found
        if reading.is_marked or (reading.folder not in marked and not (reading.is_rare and reading.folder in usual))
    ]
