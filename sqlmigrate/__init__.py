"""Brings a PostgreSQL database up to date with a folder of plain SQL files.

As a library: `load` reads a folder (with `strict=False` also one with faults), `up` and `down` execute and yield
events, `status` only looks; `split` cuts a text into statements, without a database. `Limits` says how long a run
waits for others, `DriftPolicy` what it does if the schema was changed by hand::

    for event in up("postgresql://localhost/shop", load("sql"), to="003", limits=Limits(lock_timeout="2s")):
        print(event)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import __version__ as __version__

if TYPE_CHECKING:
    from .files.folder import load as load
    from .operations.status import status as status
    from .operations.up_down import down as down, up as up
    from .parsing.splitter import split as split
    from .plan.plan import DriftPolicy as DriftPolicy, Limits as Limits

__all__ = ["DriftPolicy", "Limits", "__version__", "down", "load", "split", "status", "up"]

_MODULES = {
    "DriftPolicy": "plan.plan",
    "Limits": "plan.plan",
    "down": "operations.up_down",
    "load": "files.folder",
    "split": "parsing.splitter",
    "status": "operations.status",
    "up": "operations.up_down",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: the driver alone costs more than the rest of a command's start."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)


def __dir__() -> list[str]:
    return list(__all__)
