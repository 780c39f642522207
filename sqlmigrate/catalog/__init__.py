"""Schema objects: reads a database's catalog as objects with attributes, and compares two catalogs."""
