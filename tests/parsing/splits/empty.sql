␄
────
An empty file has no statement.
