"""One folder of migrations on many databases or schemas: looked at first, then executed by several threads.

As a library: `fleet` yields each event with its target::

    from sqlmigrate.fleet import Target, fleet

    targets = [Target("shop_01", "dbname=shop_01"), Target("shop_02", "dbname=shop_02")]
    with closing(fleet(targets, load("sql"))) as happening:
        for target, event in happening:
            print(target.name, event)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .run import fleet as fleet
    from .target import Target as Target

__all__ = ["Target", "fleet"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, as the package `sqlmigrate` does."""
    if name == "fleet":
        from .run import fleet  # noqa: PLC0415 - loads the driver

        return fleet
    if name == "Target":
        from .target import Target  # noqa: PLC0415 - loads the driver

        return Target
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
