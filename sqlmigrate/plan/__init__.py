"""Makes a plan from the files and the history. It is pure: it reads no clock, no file and no database."""
