create function twice(n bigint) returns bigint language sql stable as 'select 2 * n';
