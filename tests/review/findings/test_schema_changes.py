"""The changes of a catalog, as the findings need them."""

from __future__ import annotations

import pytest

from sqlmigrate.catalog.objects import Identity, Object
from sqlmigrate.review.findings.schema_changes import Column

VOLATILE = {
    "random()": True,
    "floor((random() * (10)::double precision))": True,
    "clock_timestamp()": True,
    "gen_random_uuid()": True,
    "uuid_generate_v4()": True,
    "nextval('orders_id_seq'::regclass)": True,
    "now()": False,
    "public.my_randomizer()": False,
    "my_randomizer()": False,
    "app.random()": False,
    "'random'::text": False,
    "": False,
}


@pytest.mark.parametrize("default", VOLATILE)
def test_a_default_that_calls_a_volatile_function(default: str) -> None:
    """PostgreSQL's own volatile functions are recognised, but not a function with a similar name."""
    column = Column(Object("column", "public.t.c", Identity("pg_class", 1, 1), {"default": default}))

    assert column.has_volatile_look is VOLATILE[default]
