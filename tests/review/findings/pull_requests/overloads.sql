-- A function and a procedure get overloads with defaults.

-- base
create schema api; create function api.notify_x(m text) returns void language sql as 'select 1';
create procedure archive(d date) language sql as 'select 1';

-- up o
create function api.notify_x(m text, prio int default 1) returns void language sql as 'select 1';
create procedure archive(d timestamptz) language sql as 'select 1';
create or replace procedure archive(d date, dry boolean default false) language sql as 'select 1';

-- down o
drop function api.notify_x(text, int);
drop procedure archive(date, boolean); drop procedure archive(timestamptz);

-- found
-- 002.up:1+2 danger overload-ambiguous: `api.notify_x(text)` has a new overload: the call api.notify_x(text) is ambiguous now, and fails; `archive(date)` has a new overload: the call archive(date) is ambiguous now, and fails
