"""Rails and Django: their migrations are programs, so they are named, and the schema is taken as it is.

Names are those of `ActiveRecord::MigrationContext` and of `django.db.migrations.loader`.
"""

from __future__ import annotations

import re

from sqlmigrate.adopt.foreign import ForeignMigration, Listing, Place, Reading
from sqlmigrate.identifiers import quoted

from .tool import InCode, Tool, select

_RAILS_FILE = re.compile(r"(?:.*/)?(?P<version>[0-9]+)_(?P<name>[_a-z0-9]*)\.rb")
_DJANGO_FILE = re.compile(r"(?P<app>.*?)(?P<folder>(?:^|/)migrations/|^)(?P<name>[0-9]{4}_\w+)\.py")
_DJANGO_TEXT = b"from django.db import"


def _read_rails(listing: Listing) -> Reading | None:
    found = [(name, match) for name in listing.files if (match := _RAILS_FILE.fullmatch(name))]
    found = [(name, match) for name, match in found if b"ActiveRecord::Migration" in listing.files[name]]
    migrations = tuple(
        ForeignMigration(match["version"], match["version"], match["name"], listing.path(name), None)
        for name, match in found
    )
    return Reading("Rails", listing.folder, migrations) if migrations else None


def _read_django(listing: Listing) -> Reading | None:
    found = [(name, match) for name in listing.files if (match := _DJANGO_FILE.fullmatch(name))]
    found = [(name, match) for name, match in found if _DJANGO_TEXT in listing.files[name]]
    migrations = tuple(
        ForeignMigration(
            f"{match['app'].rpartition('/')[2]}.{match['name']}", "", match["name"], listing.path(name), None
        )
        for name, match in found
    )
    return Reading("Django", listing.folder, migrations) if migrations else None


def _query_rails(place: Place) -> str:
    return select(quoted(place.schema, place.table), key="t.version", order_by="t.version")


def _query_django(place: Place) -> str:
    key = "t.app || '.' || t.name"
    return select(quoted(place.schema, place.table), key=key, executed_at="t.applied", order_by="t.id")


RAILS = Tool(
    "Rails",
    ("db/migrate",),
    _read_rails,
    _query_rails,
    in_code=InCode("Ruby", ("ar_internal_metadata",), "bin/rails db:migrate"),
)
DJANGO = Tool(
    "Django",
    (),
    _read_django,
    _query_django,
    root_files=("manage.py",),
    in_code=InCode("Python", ("django_migrations_id_seq",), "python manage.py migrate"),
)
