-- Changes of the database of rare.sql, one a line.
alter foreign data wrapper handled no validator
drop foreign data wrapper handled
alter foreign data wrapper optional options (set debug 'a', drop "Empty", add other 'it''s')
alter server typed version '2' options (add port '1', drop host)
alter server typed options (set host 'x, y ''z''')
alter user mapping for public server "Odd Server" options (set username 'me')
drop user mapping for current_user server typed
alter foreign table app.remote options (set table_name 'z', add more 'x'), alter a options (drop column_name), add c text, alter b type bigint
drop foreign table app.remote
drop cast (app.word as app.count); create cast (app.word as app.count) with inout as implicit
drop operator "Odd Schema".!~! (none, app.count)
alter operator app.= (app.count, app.count) set (restrict = none, join = neqjoinsel)
alter operator app.< (app.count, int) set (restrict = scalarltsel)
drop operator class "Odd Schema"."Odd Class" using hash
drop operator class app.boxes using gist
drop operator family app.counts using btree cascade
alter operator family app.counts using btree drop operator 1 (app.count, int)
alter operator family app.counts using btree add operator 3 = (int, int)
drop conversion app.latin; create conversion app.latin for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8
drop collation app.plain; create collation app.plain (locale = 'POSIX')
alter text search configuration app.mixed drop mapping for int, uint
alter text search configuration app.mixed add mapping for word with app.english; alter text search configuration app.mixed alter mapping for asciiword with simple
alter text search dictionary app.english (stopwords, language = 'german')
alter text search dictionary "Odd Schema"."dict, 'one'" (accept = true, stopwords = english)
drop language other; create trusted language other handler plpgsql_call_handler
drop language "Odd Language"
drop access method "Odd Method"
drop aggregate app.everything(*)
comment on aggregate app.everything(*) is null; comment on operator class app.count_ops using btree is null
drop aggregate app.ranked(variadic "any" order by variadic "any")
drop type app.spoken
alter type app.spoken owner to catalog_reader
drop type app.announced
alter type app.spoken rename to said
alter publication several set (publish = 'insert', publish_via_partition_root = false)
alter publication several drop table app.parts
alter publication nothing add table app.parts
alter publication several add table only app.old_news
drop publication everything
alter event trigger stopped enable; alter event trigger "Odd Trigger" disable; alter event trigger watching owner to postgres
do $$begin execute format('alter database %I set search_path = public', current_database()); end$$
do $$begin execute format('alter database %I reset app.note', current_database()); end$$
do $$begin execute format('alter role "Odd Role" in database %I reset all', current_database()); end$$
do $$begin execute format('alter database %I connection limit -1', current_database()); end$$
do $$begin execute format('comment on database %I is null', current_database()); end$$
do $$begin execute format('grant create on database %I to catalog_reader with grant option', current_database()); end$$
do $$begin execute format('alter database %I owner to catalog_owner', current_database()); end$$
alter default privileges revoke select on tables from postgres
alter table app.kept set access method heap
