create or replace function twice(n int) returns int language sql stable as 'select n + n';
