"""The folder of migrations: reads it, names and creates files, compares files with executed texts."""
