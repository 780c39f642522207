create function twice(n bigint, more int) returns bigint language sql stable as 'select 2 * n + more';
-- down
drop function twice(bigint, int);
