-- Objects that few databases have, in every form that their statements know.
create schema app;
create schema "Odd Schema";
comment on schema app is 'a schema; with a semicolon, ''quotes'' and %';
-- base types, ranges
create type app.word;
create function app.word_in(cstring) returns app.word language internal immutable strict as 'textin';
create function app.word_out(app.word) returns cstring language internal immutable strict as 'textout';
create type app.word (input = app.word_in, output = app.word_out, like = text, default = 'it''s', category = 'W', preferred = true, delimiter = ';', collatable = true);
create type app.count;
create function app.count_in(cstring) returns app.count language internal immutable strict as 'int4in';
create function app.count_out(app.count) returns cstring language internal immutable strict as 'int4out';
create type app.count (input = app.count_in, output = app.count_out, internallength = 4, passedbyvalue, alignment = int4);
create type app.announced;
create table app.words (w app.word, c app.count, ws app.word[]);
create function app.shorter(text, text) returns float8 language sql immutable as 'select (length($1) - length($2))::float8';
create type app.spoken as range (subtype = text, subtype_opclass = text_pattern_ops, collation = "C", subtype_diff = app.shorter);
create type app.days;
create function app.canonical_days(app.days) returns app.days language internal immutable as 'daterange_canonical';
create type app.days as range (subtype = date, canonical = app.canonical_days);
create type "Odd Schema"."Odd Range" as range (subtype = int8);
comment on type app.spoken is 'a range';
-- aggregates
create function app.add(numeric, numeric) returns numeric language sql immutable parallel safe as 'select coalesce($1, 0) + coalesce($2, 0)';
create function app.take(numeric, numeric) returns numeric language sql immutable as 'select $1 - $2';
create function app.final(numeric) returns text language sql immutable as 'select $1::text';
create function app.final(numeric, numeric) returns text language sql immutable as 'select $1::text';
create aggregate app.adds(value numeric) (sfunc = app.add, stype = numeric, sspace = 32, finalfunc = app.final, finalfunc_extra, finalfunc_modify = shareable, combinefunc = app.add, initcond = '0',
    msfunc = app.add, minvfunc = app.take, mstype = numeric, msspace = 16, mfinalfunc = app.final, mfinalfunc_modify = read_write, minitcond = '0', parallel = safe);
create aggregate app.everything(*) (sfunc = int8inc, stype = int8, initcond = '0');
create aggregate app.smallest(int) (sfunc = int4smaller, stype = int, sortop = operator(pg_catalog.<));
create aggregate app.halfway(float8 order by float8) (sfunc = ordered_set_transition, stype = internal, finalfunc = percentile_cont_float8_final);
create aggregate app.ranked(variadic "any" order by variadic "any") (sfunc = ordered_set_transition_multi, stype = internal, finalfunc = rank_final, finalfunc_extra, hypothetical);
create aggregate app.names(variadic text[]) (sfunc = array_cat, stype = text[]);
comment on aggregate app.everything(*) is 'counts';
comment on aggregate app.adds(numeric) is 'adds';
-- operators and what indexes know of them
create function app.is_less(app.count, app.count) returns bool language internal immutable strict as 'int4lt';
create function app.is_same(app.count, app.count) returns bool language internal immutable strict as 'int4eq';
create function app.is_other(app.count, app.count) returns bool language internal immutable strict as 'int4ne';
create function app.is_less(app.count, int) returns bool language internal immutable strict as 'int4lt';
create function app.compares(app.count, app.count) returns int language internal immutable strict as 'btint4cmp';
create function app.compares(app.count, int) returns int language internal immutable strict as 'btint4cmp';
create function app.hashes(app.count) returns int language internal immutable strict as 'hashint4';
create function app.turned(app.count) returns app.count language internal immutable strict as 'int4um';
create operator app.< (function = app.is_less, leftarg = app.count, rightarg = app.count, restrict = scalarltsel, join = scalarltjoinsel);
create operator app.< (function = app.is_less, leftarg = app.count, rightarg = int);
create operator app.= (function = app.is_same, leftarg = app.count, rightarg = app.count, commutator = operator(app.=), negator = operator(app.<>), restrict = eqsel, join = eqjoinsel, hashes, merges);
create operator app.<> (function = app.is_other, leftarg = app.count, rightarg = app.count, commutator = operator(app.<>), negator = operator(app.=));
create operator "Odd Schema".!~! (function = app.turned, rightarg = app.count);
create operator family app.counts using btree;
create operator class app.count_ops default for type app.count using btree family app.counts as operator 1 app.<, operator 3 app.=, function 1 app.compares(app.count, app.count);
alter operator family app.counts using btree add operator 1 app.< (app.count, int), function 1 (app.count, int) app.compares(app.count, int);
create operator class "Odd Schema"."Odd Class" for type app.count using hash as operator 1 app.=, function 1 app.hashes(app.count);
create operator class app.in_family_of_server for type app.count using btree family integer_ops as operator 1 app.<, operator 3 app.=, function 1 app.compares(app.count, app.count);
create operator class app.boxes for type box using gist as operator 3 &&, operator 15 <-> (box, point) for order by float_ops,
    function 1 gist_box_consistent(internal, box, smallint, oid, internal), function 2 gist_box_union(internal, internal), function 5 gist_box_penalty(internal, internal, internal),
    function 6 gist_box_picksplit(internal, internal), function 7 gist_box_same(box, box, internal), function 8 (box, box) gist_box_distance(internal, box, smallint, oid, internal);
create operator class app.points for type point using gist as storage box,
    function 1 gist_point_consistent(internal, point, smallint, oid, internal), function 2 gist_box_union(internal, internal), function 3 gist_point_compress(internal), function 5 gist_box_penalty(internal, internal, internal),
    function 6 gist_box_picksplit(internal, internal), function 7 gist_box_same(box, box, internal);
create operator family app.unused using hash;
create index counted on app.words (c app.count_ops);
comment on operator app.= (app.count, app.count) is 'the same';
comment on operator "Odd Schema".!~! (none, app.count) is 'turned';
comment on operator class app.count_ops using btree is 'of counts';
comment on operator family app.counts using btree is 'all of them';
-- casts, conversions, collations, text search
create function app.counted(text) returns app.count language sql immutable as 'select null::app.count';
create cast (text as app.count) with function app.counted(text) as implicit;
create cast (app.count as int) without function as assignment;
create cast (app.word as app.count) with inout;
comment on cast (app.count as int) is 'the same bytes';
create default conversion app.latin for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8;
comment on conversion app.latin is 'old';
create collation app.plain (locale = 'C');
create collation app.mixed (lc_collate = 'C', lc_ctype = 'POSIX');
create collation "Odd Schema"."Odd Collation" from "C";
comment on collation app.plain is 'phone books';
create text search dictionary app.english (template = snowball, language = english, stopwords = english);
create text search dictionary "Odd Schema"."dict, 'one'" (template = simple, accept = false);
create text search configuration app.mixed (parser = default);
alter text search configuration app.mixed add mapping for asciiword with app.english, "Odd Schema"."dict, 'one'", simple;
alter text search configuration app.mixed add mapping for int, uint with simple;
comment on text search configuration app.mixed is 'both';
comment on text search dictionary app.english is 'stems';
-- other servers
create foreign data wrapper handled validator postgresql_fdw_validator;
create foreign data wrapper optional options (debug 'it''s "on", really', "Odd Key" 'a\b', "Empty" '');
create server typed type 'oracle' version '1.0' foreign data wrapper optional options (host 'h, password ''x''');
create server "Odd Server" foreign data wrapper optional;
create user mapping for current_user server typed;
create user mapping for public server "Odd Server" options (username 'us');
create user mapping for "Odd Role" server "Odd Server";
create foreign table app.remote (a int options (column_name 'it''s'), b int) server "Odd Server" options (table_name 'x, y');
comment on foreign data wrapper optional is 'of nothing';
comment on server typed is 'far';
comment on foreign table app.remote is 'there';
comment on column app.remote.a is 'a';
-- languages, access methods
create trusted language other handler plpgsql_call_handler inline plpgsql_inline_handler validator plpgsql_validator;
create language "Odd Language" handler plpgsql_call_handler;
create access method rows type table handler heap_tableam_handler;
create access method "Odd Method" type index handler bthandler;
comment on language other is 'the other';
comment on access method rows is 'rows';
create table app.kept (a int) using rows;
-- publications
create table app.news (id int primary key, total int, is_hot bool not null, at date);
create table app.old_news () inherits (app.news);
create table app.parts (id int, at date) partition by range (at);
create table app.parts_1 partition of app.parts for values from ('2026-01-01') to ('2026-02-01');
create publication everything for all tables with (publish = 'insert, truncate');
create publication nothing;
create publication silent for table only app.news with (publish = '');
create publication several for table only app.news, app.parts, app.kept with (publish_via_partition_root = true);
comment on publication several is 'several';
-- event triggers
create function app.watch() returns event_trigger language plpgsql as 'begin end';
create event trigger watching on ddl_command_end when tag in ('CREATE TABLE', 'ALTER TABLE') execute function app.watch();
create event trigger stopped on sql_drop execute function app.watch();
alter event trigger stopped disable;
create event trigger "Odd Trigger" on ddl_command_start execute function app.watch();
alter event trigger "Odd Trigger" enable always;
comment on event trigger watching is 'looks';
-- default privileges, settings, the database
alter default privileges for role "Odd Role" in schema "Odd Schema" grant select on tables to catalog_reader;
alter default privileges revoke execute on functions from public;
do $do$
begin
    execute format('alter database %I set search_path = app, "Odd Schema", "$user"', current_database());
    execute format('alter database %I set app.note = %L', current_database(), 'it''s, "x"');
    execute format('alter database %I set datestyle = %L', current_database(), 'ISO, DMY');
    execute format('alter role "Odd Role" in database %I set work_mem = %L', current_database(), '8MB');
    execute format('alter role "Odd Role" in database %I set search_path = %L', current_database(), '');
    execute format('alter database %I connection limit 50', current_database());
    execute format('comment on database %I is %L', current_database(), 'for 100% of "shops" at $$');
end $do$;
grant usage on type app.count to catalog_reader with grant option;
revoke usage on type app.spoken from public;
grant usage on foreign server typed to catalog_reader;
revoke usage on language other from public;
comment on schema public is 'ours';
alter operator class app.count_ops using btree owner to catalog_owner;
alter collation app.plain owner to catalog_owner;
alter type app.spoken owner to catalog_owner;
alter server typed owner to postgres;
