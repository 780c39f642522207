-- Values that look as if a setting decided them, and do not depend on one.

-- base
create schema app;
create table app.x (id int primary key, at timestamptz not null default now(), day date, t text, body text, tsv tsvector, span interval);
create table log (id bigint generated always as identity primary key, at timestamptz not null default now(), what text);

-- up fine
insert into log (what) values ('2025-01-01'), ('moved to version 1.2.2025');
insert into app.x (id, day) values (5000001, '2025-02-03');
insert into app.x (id, at) values (5000002, '2025-02-03 10:00+00');
update app.x set t = upper(t), at = now() where id < 3;
update app.x set tsv = to_tsvector('simple', coalesce(body, '')) where id < 3;
update app.x set t = extract(epoch from at) where id < 3;
update app.x set day = (at at time zone 'UTC')::date where id < 3;
create function app.norm(v text) returns text language sql immutable as 'select lower(v)';
create index concurrently_later on app.x (app.norm(t));
alter table app.x add constraint t_norm check (app.norm(t) <> 'x') not valid;

-- down fine
alter table app.x drop constraint t_norm;
drop index app.concurrently_later;
drop function app.norm(text);
delete from app.x where id > 5000000;
delete from log where what like '%2025';

-- found
-- 002.up:9 danger create-index-blocking: an index on `app.x` is built under SHARE
-- 002.down:1 danger data-not-restored: `log` had 300 rows, and has 301 after up and down
-- 002.down:5 warning down-blocks: the down file blocks production (work-under-lock): `log` is read while `app.x` is locked in ACCESS EXCLUSIVE mode
