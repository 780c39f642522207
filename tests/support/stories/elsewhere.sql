--- up foreign_server
create foreign data wrapper wrapper_@n no handler no validator options (debug 'true');
create server far_@n type 'none' version '1.0' foreign data wrapper wrapper_@n options (host 'a;b', port '1');
create user mapping for current_user server far_@n options (user 'x', password 'it''s; secret');
create foreign table remote_@n (
    id   int options (column_name 'ID') not null,
    name text
) server far_@n options (table_name '"Remote; table"');
comment on foreign table remote_@n is 'far away';
--- down
drop foreign table remote_@n;
drop user mapping for current_user server far_@n;
drop server far_@n;
drop foreign data wrapper wrapper_@n;

--- up publication (15)
create table published_@n (id int primary key, region text, price numeric check (price > 0));
create publication some_@n for table published_@n (id, region) where (id > 0) with (publish = 'insert, update');
create schema feed_@n;
create publication whole_@n for tables in schema feed_@n;
comment on publication some_@n is 'id and region; no price';
--- down
drop publication whole_@n;
drop schema feed_@n;
drop publication some_@n;
drop table published_@n;

--- up subscription
create subscription subscribed_@n
    connection 'host=nowhere.invalid dbname=none application_name=''a;b'''
    publication some_@n
    with (connect = false, enabled = false, slot_name = none);
--- down
drop subscription subscribed_@n;

--- up database_settings
do $$
begin
    execute format('alter database %I set app.shop_@n = %L', current_database(), 'a;b');
end
$$;
--- down
do 'begin execute format(''alter database %I reset app.shop_@n'', current_database()); end';
