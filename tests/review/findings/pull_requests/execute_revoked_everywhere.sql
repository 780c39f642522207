-- Functions of a policy, a default, a generated column, a CHECK, an index lose EXECUTE for PUBLIC.

-- base
create role web;
create function app_user() returns int language sql stable as $$ select current_setting('app.user', true)::int $$;
create function slug(t text) returns text language sql immutable as $$ select lower(replace(t, ' ', '-')) $$;
create table docs (id int primary key, owner int not null default app_user(), title text not null, slug text generated always as (slug(title)) stored, check (slug(title) <> ''));
create index docs_slug on docs (slug(title));
alter table docs enable row level security;
create policy own on docs using (owner = app_user());
create view my_docs with (security_invoker) as select * from docs where owner = app_user();
grant select, insert on docs, my_docs to web;

-- up r
revoke execute on function app_user() from public;
revoke all on function slug(text) from public;

-- down r
grant execute on function app_user() to public;
grant execute on function slug(text) to public;

-- found
-- 002.up:1+2 danger execute-revoked: on `app_user()` and `slug(text)`, PUBLIC has lost EXECUTE; it is called by the value of `docs.owner` and `docs.slug`, the policy `own` and the constraint `docs_title_check` of `docs`, the view `my_docs` and the index `docs_slug`, so statements that use them fail
