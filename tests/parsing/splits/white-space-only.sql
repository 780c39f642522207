 	␌␋
␍

────
A file of white space has no statement.
