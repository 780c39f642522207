-- Another table, view or column gets an old name.
-- rules: grants-lost, refers-to-old-table, column-values-lost, column-type-differs, column-widened, column-not-writable, rows-lost, rename-table, set-schema, drop-column, drop-table, rls-disabled, rls-without-policy, policy-removed, new-not-null-without-default, column-default-removed, trigger-removed, unique-removed, sequence-behind-data
create role rev_swap_app;
create schema old;
create table users (id bigint primary key, email text default 'none', age int constraint users_age unique);
create table posts (id bigint primary key, author bigint references users (id));
create view emails as select email from users;
create function touched() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger users_touched before update on users for each row execute function touched();
grant select, insert on users to rev_swap_app;
create table secrets (id bigint primary key, owner name not null);
create policy own on secrets using (owner = current_user);
alter table secrets enable row level security;
create table events (id bigint not null, at date not null, n int, primary key (id, at));
create table wide (id bigint primary key, number int, note varchar(20));
insert into wide select i, i, i from generate_series(1, 50) i;
create table "Next" (id bigint primary key, number int, note varchar(20));
-- case: a table
create table users_new (id bigint primary key, email text not null default '', age int unique, name text);
insert into users_new (id, email) select id, coalesce(email, '') from users;
alter table users rename to users_old;
alter table users_new rename to users;
-- told: danger grants-lost: `users` is another table now: `rev_swap_app` has lost INSERT, SELECT
-- told: danger refers-to-old-table: the foreign key `posts.posts_author_fkey` and the view `emails` are still bound to `users_old`, not to the new `users`
-- told: warning new-not-null-without-default: `users.email` is now NOT NULL: an INSERT or UPDATE that sets it to NULL fails
-- told: warning trigger-removed: the trigger `users.users_touched` no longer fires on UPDATE; it remains with `users_old`
-- case: a table that has everything of the old one
create table wide_new (like wide including all);
insert into wide_new select * from wide;
alter table wide rename to wide_old;
alter table wide_new rename to wide;
-- case: a table that an earlier new file created
create table wide_new (id bigint primary key, number int not null, note varchar(20));
-- next migration
insert into wide_new select * from wide;
-- next migration
drop table wide;
alter table wide_new rename to wide;
-- told: danger new-not-null-without-default: `wide.number` is another column now, NOT NULL and without a default: an INSERT without it fails
-- case: an empty table
alter table wide rename to wide_old;
create table wide (like wide_old including all);
-- told: danger rows-lost: `wide` had 50 rows, and is another table with 0 now: the old rows are in `wide_old`
-- case: two old tables exchange their names
alter table wide rename to tmp;
alter table "Next" rename to wide;
alter table tmp rename to "Next";
-- case: a table of another schema
create table old.wide_new (like wide including all);
insert into old.wide_new select * from wide;
alter table wide set schema old;
alter table old.wide_new set schema public;
alter table wide_new rename to wide;
-- case: the old table becomes a partition under another name
alter table events rename to events_0;
create table events (id bigint not null, at date not null, n int, primary key (id, at)) partition by range (at);
alter table events attach partition events_0 for values from (minvalue) to (maxvalue);
-- case: the old table becomes a partition in another schema, in a DO block
do $$ begin
    alter table events set schema old;
    create table events (id bigint not null, at date not null, n int, primary key (id, at)) partition by range (at);
    alter table events attach partition old.events for values from (minvalue) to (maxvalue);
end $$;
-- case: a view of the renamed table
alter table secrets rename to secrets_table;
create view secrets as select id from secrets_table;
-- told: danger drop-column: `secrets.owner` no longer exists: the view that is `secrets` now has no such column
-- told: danger rls-disabled: `secrets` is a view now, which reads with the rights of its owner: the policies no longer apply to the role that asks
-- case: a table without row level security
create table secrets_new (id bigint primary key, owner name not null);
insert into secrets_new select * from secrets;
drop table secrets;
alter table secrets_new rename to secrets;
-- told: danger rls-disabled: `secrets` is another table now, without row level security: every role sees all rows
-- case: a table with row level security and without the policy
create table secrets_new (id bigint primary key, owner name not null);
alter table secrets_new enable row level security;
insert into secrets_new select * from secrets;
drop table secrets;
alter table secrets_new rename to secrets;
-- told: danger policy-removed: the policy `own` is not on the table that is `secrets` now
-- case: a view with fewer columns
drop view emails;
create view emails as select email as address from users;
-- told: danger drop-column: `emails.email` no longer exists: the view that is `emails` now has no such column
-- case: a column
alter table wide rename column number to number_old;
alter table wide add column number bigint;
-- told: danger column-values-lost: `wide.number` is another column now, and has no values: the old values are in `number_old`
-- told: note column-widened: `wide.number` is another column now: it has the type bigint, not integer
-- case: a column that was filled
alter table wide add column number_new bigint;
update wide set number_new = number;
alter table wide rename column number to number_old;
alter table wide rename column number_new to number;
-- told: note column-widened: `wide.number` is another column now: it has the type bigint, not integer
-- case: a unique column that is dropped and added again
alter table users drop column age;
alter table users add column age smallint;
-- told: danger unique-removed: the unique constraint `users.users_age` is gone: INSERT ... ON CONFLICT (age) of the running application fails, and duplicates can be inserted
-- told: danger column-values-lost: `users.age` is another column now, and has no values: the old values are lost
-- told: warning column-type-differs: `users.age` is another column now: it has the type smallint, not integer
-- case: a generated column
alter table wide drop column number;
alter table wide add column number int generated always as (length(note)) stored;
-- told: danger column-not-writable: `wide.number` is a generated column now: an INSERT or UPDATE that sets it fails
-- case: a schema
create schema old_new;
create table old.t (id int);
-- next migration
alter schema old rename to older;
alter schema old_new rename to old;
-- case: a table with a sequence of its own
create table wide_new (id bigserial primary key, number int, note varchar(20));
insert into wide_new select * from wide;
drop table wide;
alter table wide_new rename to wide;
-- told: danger sequence-behind-data: the largest value of `wide.id` is 50, but its sequence `wide_new_id_seq` is at 0: an INSERT fails when the sequence returns an existing value
-- case: a view without the column that an earlier new file added
create or replace view emails as select email, age from users;
-- next migration
drop view emails;
create view emails as select email from users;
-- case: a partitioned table with its partitions, whose defaults are those of the table
create table days (id bigint not null, at date not null, n int not null default 1, primary key (id, at)) partition by range (at);
create table days_1 partition of days for values from (minvalue) to (maxvalue);
insert into days select i, '2025-01-01' from generate_series(1, 50) i;
-- new
create table days_new (id bigint not null, at date not null, n int not null default 1, primary key (id, at)) partition by range (at);
create table days_new_1 (id bigint not null, at date not null, n int not null, primary key (id, at));
alter table days_new attach partition days_new_1 for values from (minvalue) to (maxvalue);
insert into days_new select * from days;
drop table days;
alter table days_new rename to days;
alter table days_new_1 rename to days_1;
-- case: a column dropped and added with another default
alter table wide drop column number, add column number int default 7;
-- told: danger column-values-lost: `wide.number` is another column now, and has its default in every row: the old values are lost
-- case: a column renamed away, and another one with a default
alter table wide rename number to number_old;
alter table wide add column number int default 7;
-- told: danger column-values-lost: `wide.number` is another column now, and has its default in every row: the old values are in `number_old`
-- case: a column of another type with the values of the old one
alter table wide add column number_new text;
update wide set number_new = number;
alter table wide drop column number;
alter table wide rename number_new to number;
-- told: warning column-type-differs: `wide.number` is another column now: it has the type text, not integer
