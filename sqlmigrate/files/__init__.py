"""The folder of migrations: reads it, names and creates files, compares a file with the text that was executed."""
