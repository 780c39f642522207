"""The text of generated values for PostGIS columns, as PostgreSQL makes it of the expression; PostGIS is not needed."""

from __future__ import annotations

import database_state
import pytest

from sqlmigrate.review.seed import geometries

VALUES = {
    "geometry": "POINT(7 7)",
    "public.geometry": "POINT(7 7)",
    "geometry(Geometry,3857)": "SRID=3857;POINT(7 7)",
    "geography(Point,4326)": "SRID=4326;POINT(7 7)",
    "geometry(LineString)": "LINESTRING(7 7,7 8)",
    "gis.geometry(Polygon,4326)": "SRID=4326;POLYGON((7 7,7 8,8 8,7 7))",
    "geometry(MultiPoint,4326)": "SRID=4326;MULTIPOINT(7 7,7 8)",
    "geometry(MultiLineString)": "MULTILINESTRING((7 7,7 8))",
    "geometry(MultiPolygon)": "MULTIPOLYGON(((7 7,7 8,8 8,7 7)))",
    "geometry(PointZ,4326)": "SRID=4326;POINT Z (7 7 0)",
    "geometry(PointZM)": "POINT ZM (7 7 0 0)",
    "geometry(LineStringM)": "LINESTRING M (7 7 0,7 8 0)",
    "geometry(GeometryCollection)": "GEOMETRYCOLLECTION(POINT(7 7))",
}


@pytest.mark.parametrize(("formatted", "expected"), VALUES.items(), ids=VALUES)
def test_a_value_fits_the_column(formatted: str, expected: str, database: str) -> None:
    """The shape, the dimensions and the SRID are those of the column; the seventh row has other points than others."""
    expression = geometries.value(formatted).replace("{g}", "g")

    assert database_state.ask(database, f"select {expression} from (values (7)) v (g)") == [(expected,)]


def test_which_types_are_meant() -> None:
    """Those of PostGIS, in whatever schema; PostgreSQL's own are others."""
    assert [each for each in ("public.geometry", "gis.geography", "geometry", "point", "geometry_dump")
            if geometries.is_geometry(each)] == ["public.geometry", "gis.geography", "geometry"]  # fmt: skip
