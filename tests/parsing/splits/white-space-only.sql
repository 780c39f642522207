 	␌␋
␍

────
A file with only white space has no statement.
