"""A PostgreSQL server of our own, for projects that name no database, for reviews and for tests."""
