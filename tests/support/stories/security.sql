--- up roles_and_grants
create role sqlmigrate_reader_@n nologin;
create role sqlmigrate_writer_@n nologin noinherit in role sqlmigrate_reader_@n;
comment on role sqlmigrate_reader_@n is 'may look; not touch';

create schema secure_@n;
create table secure_@n.documents (
    id     int generated always as identity primary key,
    tenant text not null default current_setting('app.tenant', true),
    body   text,
    secret text
);

grant usage on schema secure_@n to sqlmigrate_reader_@n;
grant select (id, tenant, body) on secure_@n.documents to sqlmigrate_reader_@n;
grant insert, update on secure_@n.documents to sqlmigrate_writer_@n with grant option;
grant usage on sequence secure_@n.documents_id_seq to sqlmigrate_writer_@n;
--- down
drop schema secure_@n cascade;
drop role sqlmigrate_writer_@n;
drop role sqlmigrate_reader_@n;

--- up row_level_security
alter table secure_@n.documents enable row level security;
alter table secure_@n.documents force row level security;

create policy own_rows on secure_@n.documents
    as permissive
    for all
    to sqlmigrate_reader_@n, sqlmigrate_writer_@n
    using (tenant = current_setting('app.tenant', true))
    with check (tenant = current_setting('app.tenant', true) and body not like '%;%');

create policy no_drafts on secure_@n.documents as restrictive for select using (body is not null);
--- down
drop policy no_drafts on secure_@n.documents;
drop policy own_rows on secure_@n.documents;
alter table secure_@n.documents no force row level security, disable row level security;

--- up default_privileges
alter default privileges in schema secure_@n grant select on tables to sqlmigrate_reader_@n;
alter default privileges for role sqlmigrate_writer_@n revoke execute on functions from public;
create table secure_@n.later (a int);
--- down
drop table secure_@n.later;
alter default privileges for role sqlmigrate_writer_@n grant execute on functions to public;
alter default privileges in schema secure_@n revoke select on tables from sqlmigrate_reader_@n;

--- up as_somebody_else
-- The next migration must not be run as this role, nor find this search_path.
grant create, usage on schema secure_@n to sqlmigrate_writer_@n;
set role sqlmigrate_writer_@n;
set search_path = secure_@n, public;
set statement_timeout = '30s';
create table written (a int, b text default 'x;y');
insert into written values (1), (2);
create temporary table scratch (a int);
prepare look (int) as select $1;
declare rows_@n cursor with hold for select 1;
listen channel_@n;
select set_config('app.tenant', 'left behind', false);
--- down
drop table secure_@n.written;
revoke create, usage on schema secure_@n from sqlmigrate_writer_@n;

--- up definer (15)
create function secure_@n.peek(int) returns text
    language sql
    stable
    security definer
    set search_path = pg_catalog, pg_temp
    as $$ select secret from secure_@n.documents where id = $1 $$;
revoke all on function secure_@n.peek(int) from public;
grant execute on function secure_@n.peek(int) to sqlmigrate_reader_@n;

create view secure_@n.visible with (security_invoker = true) as select id, body from secure_@n.documents;
grant select on secure_@n.visible to public;
alter view secure_@n.visible owner to sqlmigrate_writer_@n;
--- down
drop view secure_@n.visible;
drop function secure_@n.peek(int);
