--- up full_text_search
create text search dictionary simple_@n (template = pg_catalog.simple, stopwords = english);
create text search configuration docs_@n (copy = pg_catalog.@{english|german|simple});
alter text search configuration docs_@n alter mapping for word, asciiword with simple_@n;

create table docs_@n (
    id     int generated always as identity primary key,
    title  text not null,
    body   text not null,
    search tsvector generated always as
           (setweight(to_tsvector('docs_@n'::regconfig, title), 'A') || to_tsvector('docs_@n'::regconfig, body)) stored
);
create index docs_@n_search on docs_@n using gin (search) with (fastupdate = off);
insert into docs_@n (title, body) values
    ('Migrations; a tale', 'They lived -- happily /* ever */ after'),
    ('It''s', $$dollar 'quoted'; text$$),
    (E'tab\t', U&'\0441\043B\043E\043D'),
    ('🐘', '象は鼻が長い');
--- down
drop table docs_@n;
drop text search configuration docs_@n;
drop text search dictionary simple_@n;

--- up indexes_of_every_kind (15)
create table places_@n (
    id       uuid primary key default gen_random_uuid(),
    name     text,
    position point,
    network  cidr,
    span     int4range,
    flags    jsonb,
    words    text[]
);
create index on places_@n using hash (name);
create index on places_@n using gist (position);
create index on places_@n using spgist (network inet_ops);
create index on places_@n using gist (span range_ops);
create index on places_@n using gin (flags jsonb_path_ops);
create index on places_@n using gin (words);
create index on places_@n using brin (id) with (pages_per_range = @{16|32|64});
create index places_@n_name on places_@n (lower(name) text_pattern_ops desc, (flags ->> 'a;b') collate "C")
    with (fillfactor = 80) where name is not null;
create unique index on places_@n (name, id) nulls not distinct;
create statistics places_@n_stats (dependencies, ndistinct, mcv) on name, network from places_@n;
create statistics places_@n_expression on (lower(name)) from places_@n;
alter statistics places_@n_stats set statistics 200;
--- down
drop table places_@n;

--- up tune_places (15)
alter table places_@n
    set (autovacuum_vacuum_scale_factor = 0.02, fillfactor = 90),
    alter column name set statistics 500,
    alter column name set storage external,
    alter column flags set compression pglz,
    replica identity full;
alter table places_@n cluster on places_@n_pkey;
cluster places_@n;
analyze places_@n (name, flags);
--- down
alter table places_@n
    set without cluster,
    replica identity default,
    alter column flags set compression default,
    alter column name set storage extended,
    alter column name set statistics -1,
    reset (autovacuum_vacuum_scale_factor, fillfactor);

--- up vacuum_places (alone, 15)
vacuum (analyze, verbose off) places_@n;
--- down
select 1;
-- What VACUUM has cleaned stays clean.

--- up reindex_places (alone, 15)
reindex table concurrently places_@n;
--- down
select 'nothing to take back; really';
