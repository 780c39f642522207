-- nothing; here
/* nor; here */
────
A file with only comments has no statement.
