"""The embedded PostgreSQL server: for projects that name no database, for reviews and for tests."""
