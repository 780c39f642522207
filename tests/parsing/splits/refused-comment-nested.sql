select 1 + /* one /* two */
2;
────
At the outermost of nested ones.

refused 1:12 /*
message the comment opened here is never closed
hint    comments nest in PostgreSQL: every `/*` needs its own `*/`
