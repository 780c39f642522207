select 1; /* one
select 2;
────
A comment that is never closed is refused where it opens.

refused 1:11 /*
message the comment opened here is never closed
hint    comments nest in PostgreSQL: every `/*` needs its own `*/`
