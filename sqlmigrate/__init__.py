"""Brings a PostgreSQL database up to date with a folder of plain SQL files.

As a library: `load` reads a folder, `up` and `down` execute and yield what happens, `status` looks; `split` cuts a
text into statements, without a database.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# At once, unlike the rest: loaded later, the module `split` would take the place of its function.
from .split import split as split

if TYPE_CHECKING:
    from .files import load as load
    from .run import down as down, up as up
    from .upkeep import status as status

__version__ = "0.1.0"
__all__ = ["__version__", "down", "load", "split", "status", "up"]

_HOMES = {"down": "run", "load": "files", "status": "upkeep", "up": "run"}


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is: the driver alone costs more than the rest of a command's start."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return list(__all__)
