--- up functions_in_every_quote (14)
create function f_dollar_@n(a int, b int default 2) returns int language sql immutable parallel safe as $$
    select a + b; -- a ; in a comment, and a quote: it's
$$;

create function f_tagged_@n(text) returns text language plpgsql strict as $body$
declare
    inner_sql text := $q$ select $$;$$ $q$;
    found_text text;
begin
    execute inner_sql into found_text;
    /* nested /* comment; */ here; */
    return found_text || $1;
end;
$body$;

create function f_quoted_@n() returns text language 'plpgsql' as '
begin
    return ''it''''s; '' || ''done'';
end;';

create function f_escaped_@n() returns text language plpgsql as E'begin\n\treturn \'a;b\\\\c\';\nend;';

create function f_unicode_@n() returns text language sql as U&'select ''\00e4;\+01F600''';

create function f_bits_@n() returns bit language sql return b'1';

create function f_atomic_@n(n int) returns int
    language sql
    immutable
begin atomic
    select 1;
    select case when n > 0 then n else -n end;
end;

create function f_return_@n(x numeric) returns numeric
    return x * x;

create function "f; weird $$ name_@n"("begin" int, "end" int) returns int language sql as $f$ select "begin" + "end" $f$;

create function f_continued_@n() returns text language sql as 'select ''one; '
    'two;'' ';
--- down
drop function f_continued_@n();
drop function "f; weird $$ name_@n"(int, int);
drop function f_return_@n(numeric);
drop function f_atomic_@n(int);
drop function f_bits_@n;
drop function f_unicode_@n;
drop function f_escaped_@n();
drop function f_quoted_@n();
drop function f_tagged_@n(text);
drop function f_dollar_@n(int, int);

--- up replace_functions (14)
create or replace function f_dollar_@n(a int, b int default 2) returns int language sql immutable parallel safe as $$
    select a * b;
$$;

create or replace function f_atomic_@n(n int) returns int language sql immutable
begin atomic
    with t as (select n as a)
    select case when t.a is null then 0 else (select case t.a when 1 then 2 else t.a end) end
      from t;
end;

alter function f_return_@n(numeric) immutable strict cost 5 set search_path = '';
comment on function f_return_@n is 'squares; nothing else';
--- down
comment on function f_return_@n is null;
alter function f_return_@n(numeric) volatile called on null input cost 100 reset search_path;

create or replace function f_atomic_@n(n int) returns int
    language sql
    immutable
begin atomic
    select 1;
    select case when n > 0 then n else -n end;
end;

create or replace function f_dollar_@n(a int, b int default 2) returns int language sql immutable parallel safe as $$
    select a + b; -- a ; in a comment, and a quote: it's
$$;

--- up procedures (14)
create table ledger_@n (id int primary key, amount numeric not null);

create procedure post_@n(amounts numeric[], out posted int) language plpgsql as $$
begin
    insert into ledger_@n
    select position, amount from unnest(amounts) with ordinality as u (amount, position);
    get diagnostics posted = row_count;
    if posted = 0 then
        raise exception 'nothing to post; % given', cardinality(amounts) using hint = 'give one';
    end if;
end
$$;

create procedure clear_@n()
begin atomic
    delete from ledger_@n where id < 0;
    delete from ledger_@n;
end;

call post_@n(array[1.5, 2.5, -4], null);
--- down
drop procedure clear_@n;
drop procedure post_@n;
drop table ledger_@n;

--- up set_returning
create function pairs_@n(n int) returns table (a int, b int) language sql rows 10 as $$
    select x, y from generate_series(1, n) x cross join generate_series(1, n) y where x < y
$$;
create function windowed_@n(variadic numbers int[]) returns setof int language plpgsql as $$
declare
    number int;
begin
    foreach number in array numbers loop
        return next number;
    end loop;
    return;
end $$;
--- down
drop function windowed_@n(int[]);
drop function pairs_@n(int);
