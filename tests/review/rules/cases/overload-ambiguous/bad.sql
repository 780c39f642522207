create or replace function twice(n bigint, more int default 0) returns bigint language sql stable
    as 'select 2 * n + more';
