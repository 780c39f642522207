"""The order of migrations that name what they come after."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

Needs = Mapping[str, Sequence[str]]
"""What each key comes after."""


def in_order(needs: Needs) -> list[str]:
    """Sort keys behind what they need, and by their place in `needs` otherwise; what has no such order comes last."""
    found = _sorted(needs)
    reached = set(found)
    return [*found, *(key for key in needs if key not in reached)]


def in_circles(needs: Needs) -> set[str]:
    """Return the keys that come after themselves."""
    reached = set(_sorted(needs))
    return {key for key in needs if key not in reached and key in all_needs(key, needs)}


def all_needs(key: str, needs: Needs) -> set[str]:
    """Return everything that a key comes after, near and far."""
    found: set[str] = set()
    queue = [key]
    while queue:
        new = [each for each in needs.get(queue.pop(), ()) if each not in found]
        found.update(new)
        queue += new
    return found


def _sorted(needs: Needs) -> list[str]:
    """Sort the keys that come after no circle."""
    keys = list(needs)
    places = {key: at for at, key in enumerate(keys)}
    waits_for = {key: {each for each in needs[key] if each in places} for key in keys}
    followers: dict[str, list[str]] = {}
    for key, open_needs in waits_for.items():
        for each in open_needs:
            followers.setdefault(each, []).append(key)
    ready = [places[key] for key in keys if not waits_for[key]]
    found: list[str] = []
    while ready:
        done = keys[heapq.heappop(ready)]
        found.append(done)
        for key in followers.get(done, ()):
            waits_for[key].remove(done)
            if not waits_for[key]:
                heapq.heappush(ready, places[key])
    return found
