-- nothing; here
/* nor; here */
────
A file of comments has no statement.
