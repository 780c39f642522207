select 1;
select '␀';
────
NUL ends a text for PostgreSQL.

refused 2:9 ␀
message no text of PostgreSQL can hold the NUL character that stands here
hint    remove it; if the file is full of them, it was saved as UTF-16: save it as UTF-8
