"""A catalog as text that can be kept, and read back by another process, on another day.

The text is JSON: objects in the order of kind and name, each as a list. Two catalogs that do not differ have the same
text. OIDs are left out: a restored database has others. A hidden value is only said to be hidden (`sql_relations`
writes a hash with it that differs from process to process), so a changed secret is not noticed.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import islice
from typing import Any
from zlib import compress, decompress

from .objects import Catalog, Identity, Object

FORMAT = 1  # raised whenever the queries say something else of the same object, or the text is written differently

_LEVEL = 3  # of the compression: twice as fast as the best, and a tenth larger
_AT_ONCE = 1000  # objects; the records of all of them would take three times the memory of the text
_HASH = re.compile(r"\(hidden, [0-9a-f]{6}\)")
_MASK = "(hidden)"
_NUMBERED = "stored"  # instead of the system catalog of an identity
_LEFT_OUT = ("enum label",)  # the enum has its labels as an attribute


def text_of(catalog: Catalog) -> str:
    """Return the text of a catalog."""
    places = {(table, name): place for table, names in catalog.orders.items() for place, name in enumerate(names, 1)}
    keys = iter(sorted(key for key in catalog.objects if key[0] not in _LEFT_OUT))
    parts = []
    while some := [catalog.objects[key] for key in islice(keys, _AT_ONCE)]:
        records = [[each.kind, each.path, each.table, _place(each, places), _kept(each.attributes)] for each in some]
        parts.append(json.dumps(records, ensure_ascii=False, separators=(",", ":"))[1:-1])
    return f"[{','.join(parts)}]"


def _place(thing: Object, places: Mapping[tuple[str, str], int]) -> int:
    """Return the place of a column among the columns of its table, from 1; 0 for other objects."""
    return places[thing.table, thing.path[-1]] if thing.kind == "column" else 0


def _kept(attributes: Mapping[str, str | None]) -> dict[str, str | None]:
    return {
        name: _HASH.sub(_MASK, value) if value and "(hidden, " in value else value
        for name, value in sorted(attributes.items())
    }


def digest_of(text: str) -> str:
    """Return a digest by which the texts of two catalogs are compared."""
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


def packed(text: str) -> str:
    """Return the text of a catalog, compressed, in base64."""
    return b64encode(compress(text.encode(errors="surrogatepass"), _LEVEL)).decode()


def unpacked(data: str) -> str:
    """Return the text that `packed` has compressed; raises `ValueError` or `zlib.error` for anything else."""
    return decompress(b64decode(data)).decode(errors="surrogatepass")


def catalog_of(text: str) -> Catalog:
    """Return the catalog that a text was made of.

    Identities are only good inside of it: instead of its OID, each object has a number. Raises `ValueError` for a text
    that was not made by `text_of`.
    """
    return Catalog({(each.kind, each.name): each for each in _objects(json.loads(text))})


def _objects(records: Sequence[list[Any]]) -> Iterator[Object]:
    named = [(number, ".".join(record[1]), record) for number, record in enumerate(records, 1)]
    wholes = {name: number for number, name, (_, _, table, _, _) in named if table == name}
    for number, name, (kind, path, table, place, attributes) in named:
        whole = Identity(_NUMBERED, wholes.get(table, number), 0)
        yield Object(kind, name, Identity(_NUMBERED, number, place), attributes, tuple(path), table, whole)
