create or replace function twice(n int) returns int language sql stable strict as 'select n + n';
-- down
create or replace function twice(n int) returns int language sql stable strict as 'select 2 * n';
