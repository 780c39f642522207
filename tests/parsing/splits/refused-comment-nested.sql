select 1 + /* one /* two */
2;
────
The place is the outermost comment that is not closed.

refused 1:12 /*
message the comment opened here is never closed
hint    comments nest in PostgreSQL: every `/*` needs its own `*/`
