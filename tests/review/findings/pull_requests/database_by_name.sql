-- Files set, grant and revoke something of the database, by the name that it has in production.

-- base
create table t (id int);

-- up a
alter database myapp set timezone = 'UTC';

-- down a
alter database myapp reset timezone;

-- up b
grant connect on database myapp to web;
create table u (id int);

-- down b
drop table u;
revoke connect on database myapp from web;

-- found
