create function twice(n int) returns int language sql stable strict as 'select 2 * n';
