select 1;
select '␀';
────
PostgreSQL takes NUL as the end of a text.

refused 2:9 ␀
message PostgreSQL text cannot contain a NUL character
hint    remove it; if the file has many of them, it was saved as UTF-16: save it as UTF-8
