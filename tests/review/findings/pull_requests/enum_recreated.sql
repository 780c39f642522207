-- An enum is made anew without a label.

-- base
create type st as enum ('draft', 'live', 'archived');
create table pages (id int primary key, state st not null default 'draft');
create table revs (id int primary key, state st[] );
create function live() returns setof pages language sql stable as $$ select * from pages where state = 'live'::st $$;

-- up e
alter type st rename to st_old;
create type st as enum ('draft', 'live', 'hidden');
alter table pages alter column state drop default;
alter table pages alter column state type st using (case state when 'archived' then 'hidden' else state::text end)::st;
alter table pages alter column state set default 'draft';

-- down e
alter table pages alter column state drop default;
alter table pages alter column state type st_old using (case state when 'hidden' then 'archived' else state::text end)::st_old;
alter table pages alter column state set default 'draft';
drop type st;
alter type st_old rename to st;

-- found
-- 002.up:2 danger enum-label-removed: `st` no longer has the label 'archived': statements of the running application that use it fail
-- 002.up:4 danger type-change-rewrite: `pages` is rewritten under ACCESS EXCLUSIVE, which an earlier statement took
-- 002.down:2 warning down-blocks: the down file blocks production (type-change-rewrite): `pages` is rewritten under ACCESS EXCLUSIVE, which an earlier statement took
