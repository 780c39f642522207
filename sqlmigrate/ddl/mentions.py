"""An order of objects in which those come first whose names the statements of others contain.

A catalog that was kept does not say what its objects need; their statements do, in most cases.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from sqlmigrate.catalog.objects import Object
from sqlmigrate.identifiers import QUALIFIED

_NAME = re.compile(QUALIFIED)


def names(text: str) -> set[str]:
    """Return everything in a text that may be a name."""
    return {*_NAME.findall(text)}


def in_order(things: Iterable[Object], text: Callable[[Object], str]) -> list[Object]:
    """Return objects as they come, but each after those that it names, except its own parts; circles are left."""
    things = [*things]
    by_name: dict[str, list[Object]] = {}
    for each in things:
        by_name.setdefault(each.called if each.path else each.name, []).append(each)
    named = {
        id(thing): [
            each
            for name in dict.fromkeys(_NAME.findall(text(thing)))
            for each in by_name.get(name, ())
            if each.called != thing.called and each.table != thing.name
        ]
        for thing in things
    }
    done: set[int] = set()

    def visited(thing: Object) -> Iterator[Object]:
        if id(thing) not in done:
            done.add(id(thing))
            for each in named[id(thing)]:
                yield from visited(each)
            yield thing

    return [each for thing in things for each in visited(thing)]
