"""Values for PostGIS columns: each a text in EWKT that fits the shape, the dimensions and the SRID of the column.

https://postgis.net/docs/using_postgis_dbmanagement.html
"""

from __future__ import annotations

import re

_MODIFIER = re.compile(r"\((?P<shape>[A-Za-z]+?)(?P<dimensions>ZM?|M)?(?:,(?P<srid>\d+))?\)$")
_START, _UP, _RIGHT = (0, 0), (0, 1), (1, 1)
# What stands between the name of the shape and its end; {0}, {1} and {2} are three points.
_SHAPES = {
    "POINT": "({0})",
    "LINESTRING": "({0},{1})",
    "POLYGON": "(({0},{1},{2},{0}))",
    "MULTIPOINT": "({0},{1})",
    "MULTILINESTRING": "(({0},{1}))",
    "MULTIPOLYGON": "((({0},{1},{2},{0})))",
    "GEOMETRYCOLLECTION": "(POINT{dimensions}({0}))",
}
_NAMES = ("geometry", "geography")


def is_geometry(name: str) -> bool:
    """Tell whether a type, by its qualified name, is one of PostGIS."""
    return name.rpartition(".")[2] in _NAMES


def value(formatted: str) -> str:
    """Return an SQL expression of the number of the row, `{g}`, for a column like ``geometry(Point,4326)``.

    The points are places on earth, so that a geography takes them as well.
    """
    found = _MODIFIER.search(formatted)
    shape = found["shape"].upper() if found else "POINT"
    shape = shape if shape in _SHAPES else "POINT"
    letters = (found["dimensions"] or "") if found else ""
    dimensions = f" {letters} " if letters else ""
    points = [
        f"' || {{g}} % 170 + {x} || ' ' || {{g}} % 80 + {y} || '{' 0' * len(letters)}" for x, y in (_START, _UP, _RIGHT)
    ]
    srid = f"SRID={found['srid']};" if found and found["srid"] else ""
    return f"'{srid}{shape}{dimensions}{_SHAPES[shape].format(*points, dimensions=dimensions)}'"
