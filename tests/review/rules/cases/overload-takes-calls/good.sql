create function twice(n text, times int) returns text language sql stable as 'select repeat(n, times)';
-- down
drop function twice(text, int);
