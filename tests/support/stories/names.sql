--- up quoted_names
create schema "Weird; @n";
create table "Weird; @n"."a ""quoted"" name; --" (
    "begin"      int,
    "end"        int,
    "$$"         text,
    "ÄÖÜ 象 🐘"    text default 'é;',
    "select"     text,
    U&"d\0061t\+000061" int,
    a$b$c        int,
    _1           int,
    constraint "con;straint" check ("begin" <= "end")
);
insert into "Weird; @n"."a ""quoted"" name; --" ("begin", "end", a$b$c) values (1, 2, 3);
comment on table "Weird; @n"."a ""quoted"" name; --" is $c$it's; $$ $c$;
--- down
drop table "Weird; @n"."a ""quoted"" name; --";
drop schema "Weird; @n";

--- up v2.1_words-as-names (14)
create table keywords_@n (begin int, "case" int, atomic int, commit int, copy text, stdin text, language text);
create function begin_@n(atomic int) returns int language sql return atomic;
create function atomic_@n(x int) returns int begin atomic select case x when 1 then begin_@n(x) else (select 2) end; end;
alter table keywords_@n add column at int, add column function text, add column procedure text;
insert into keywords_@n (begin, commit) values (1, 2);
select begin, commit as end from keywords_@n;
create view begin_atomic_@n as select begin as atomic, commit as begin from keywords_@n;
--- down
drop view begin_atomic_@n;
alter table keywords_@n drop column procedure, drop column function, drop column at;
drop function atomic_@n;
drop function begin_@n;
drop table keywords_@n;

--- up comments_everywhere
/* a block; /* nested; */ still */ create /* ; */ table -- ;
    /* "x" 'y' $$ */ commented_@n ( -- it's
    a int, /* ' */ b text default '/* no comment */; -- nor this' /* " */
) /* ; */ ; /* trailing; */ -- the end;
/**/ ; -- an empty statement
;
comment on table commented_@n is '-- a text'
    '; that goes on'
    -- with a comment between its parts; it's allowed
    ' in other lines';
--- down
-- a comment before; it's fine
drop table commented_@n -- and one behind; no semicolon at the end

--- up operators_that_look_like_comments
create table math_@n (a int, b int, c text);
insert into math_@n values (1, 2, 'x'), (3 - -4, 5*-6, '--');
select a - -b, a*-b, @ a, |/ 4.0, c || '/*' || '*/' from math_@n where a<-1 or b>-1 or not c ~ '^--';
select '[1,2]'::jsonb @> '1', '{"a":{"b":1}}'::jsonb #>> '{a,b}', 1::int4, (array[1,2,3])[1:2], (array[1,2,3])[2:], $$;$$;
select E'\'; --', E'\\', '\', U&'!0061;' uescape '!', b'01', x'1F', n'x';
--- down
drop table math_@n;

--- up numbers_of_newer_servers (16)
create table numbers_@n as select 0x1F as hex, 0b11 as bits, 1_000 as thousand;
--- down
drop table numbers_@n;
