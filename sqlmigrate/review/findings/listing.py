"""Lists of names in a sentence: two of them and "5 more". Partitions stand under their table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sqlmigrate.catalog.objects import Catalog
from sqlmigrate.identifiers import displayed, last_part, parent

_MOST = 3  # of more things the first two are named
_DIGITS = re.compile(r"(\d+)")


def listed(things: Sequence[str], most: int = _MOST) -> str:
    """Join phrases to a list: all of them, or of more than `most` one less than that, and the number of the others."""
    if len(things) > most:
        return f"{', '.join(things[: most - 1])} and {len(things) - most + 1:,} more"
    return " and ".join(filter(None, (", ".join(things[:-1]), *things[-1:])))


def phrases(names: Sequence[str], parents: Mapping[str, str]) -> list[str]:
    """Return the phrases of a list of objects: each a name between backticks, or the partitions of one table.

    Args:
        names: The names as messages show them, each once.
        parents: The partitioned table or index that each partition belongs to.
    """
    families: dict[str, list[str]] = {}
    for name in names:
        families.setdefault(top(name, parents), []).append(name)
    return [_family(root, members, parents) for root, members in families.items()]


def top(name: str, parents: Mapping[str, str]) -> str:
    """Return the table that a partition belongs to in the end; for a column of it, the column of that table.

    What is not a partition is returned as it is.
    """
    seen = {name}
    while (above := parents.get(name)) and above not in seen:
        name = above
        seen.add(name)
    table = parent(name)
    return f"{top(table, parents)}.{last_part(name)}" if table in parents else name


def _family(root: str, members: Sequence[str], parents: Mapping[str, str]) -> str:
    inner = sorted((name for name in members if name != root), key=_naturally)
    if not inner:
        return f"`{root}`"
    if len(inner) < len(members):
        if inner[0] not in parents:  # a column: that of the table stands for those of its partitions
            return f"`{root}`"
        own = f"`{inner[0]}`" if len(inner) == 1 else f"{len(inner):,}"
        return f"`{root}` and its {_partitions(len(inner), own)}"
    if len(inner) == 1:
        return f"`{inner[0]}`"
    between = " and " if len(inner) == 2 else " to "  # noqa: PLR2004 - both are named
    return f"{len(inner):,} partitions of `{root}` (`{inner[0]}`{between}`{inner[-1]}`)"


def _partitions(count: int, own: str) -> str:
    return f"partition {own}" if count == 1 else f"{own} partitions"


def partition_parents(*catalogs: Catalog | None) -> Mapping[str, str]:
    """Return the table of each partition, and the index that an index of it belongs to, by names as messages show."""
    found: dict[str, str] = {}
    for catalog in filter(None, catalogs):
        for thing in catalog.objects.values():
            if thing.attributes.get("partition bound") or thing.kind == "index":
                above = thing.attributes.get("parents") or thing.attributes.get("parent")
                if above:
                    found[displayed(thing.name)] = displayed(above)
    return found


def _naturally(name: str) -> list[str | int]:
    """Order names with numbers as people do: ``p9`` before ``p10``."""
    return [int(each) if each.isdigit() else each for each in _DIGITS.split(name)]
