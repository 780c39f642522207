"""The order of migrations that name what they come after."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

Needs = Mapping[str, Sequence[str]]
"""What each key comes after."""


def in_order(needs: Needs) -> list[str]:
    """Sort keys behind what they need, and by their place in `needs` otherwise; keys of a circle come last."""
    keys = list(needs)
    places = {key: at for at, key in enumerate(keys)}
    waits_for = {key: {each for each in needs[key] if each in places} for key in keys}
    ready = [places[key] for key in keys if not waits_for[key]]
    found: list[str] = []
    while ready:
        done = keys[heapq.heappop(ready)]
        found.append(done)
        for key, open_needs in waits_for.items():
            if done in open_needs:
                open_needs.remove(done)
                if not open_needs:
                    heapq.heappush(ready, places[key])
    return [*found, *(key for key in keys if key not in found)]


def all_needs(key: str, needs: Needs) -> set[str]:
    """Return everything that a key comes after, near and far."""
    found: set[str] = set()
    queue = [key]
    while queue:
        new = [each for each in needs.get(queue.pop(), ()) if each not in found]
        found.update(new)
        queue += new
    return found
