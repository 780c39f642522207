--- up composite_types
create type address_@n as (street text, city text, "zip;code" text);
create type pair_@n as (a address_@n, b address_@n[]);
create table people_@n of address_@n (primary key (street));
create table homes_@n (
    id     serial primary key,
    where_ address_@n not null default row('a;b', 'c', null)::address_@n,
    others pair_@n
);
insert into homes_@n (others) values (row(row('1', '2', '3'), '{}'));
insert into homes_@n (where_.street, where_.city) values ('x', 'y');
--- down
drop table homes_@n;
drop table people_@n;
drop type pair_@n;
drop type address_@n;

--- up address_attribute
alter type address_@n add attribute country @{text|char(2)|varchar(3)} cascade;
alter type address_@n rename attribute city to town cascade;
--- down
alter type address_@n rename attribute town to city cascade;
alter type address_@n drop attribute country cascade;

--- up domains
create domain percent_@n as @{int|numeric(5,2)} constraint at_most_100 check (value <= 100);
create domain tag_@n as text collate "C" default 'none; yet' not null;
create table rates_@n (rate percent_@n, tags tag_@n);
insert into rates_@n values (1), (50), (100);
--- down
drop table rates_@n;
drop domain tag_@n;
drop domain percent_@n;

--- up domain_not_valid
alter domain percent_@n add constraint not_negative check (value >= 0) not valid;
--- down
alter domain percent_@n drop constraint not_negative;

--- up domain_validate
alter domain percent_@n validate constraint not_negative;
alter domain percent_@n rename constraint at_most_100 to not_above_100;
--- down
alter domain percent_@n rename constraint not_above_100 to at_most_100;
alter domain percent_@n drop constraint not_negative;
alter domain percent_@n add constraint not_negative check (value >= 0) not valid;

--- up collation
create collation plain_@n (provider = libc, locale = 'C');
create collation if not exists copied_@n from "C";
create table sorted_text_@n (a text collate plain_@n, b text collate copied_@n);
create conversion latin_@n for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8;
--- down
drop conversion latin_@n;
drop table sorted_text_@n;
drop collation copied_@n;
drop collation plain_@n;

--- up inheritance
create table animals_@n (id serial, name text not null, legs int default 4 check (legs >= 0));
create table birds_@n (wings int default 2, check (wings > 0)) inherits (animals_@n);
alter table birds_@n alter column legs set default 2;
create unlogged table cache_@n (like animals_@n including all, key text primary key, value jsonb);
insert into birds_@n (name) values ('Kiwi; small'), ('Emu');
--- down
drop table cache_@n;
drop table birds_@n;
drop table animals_@n;

--- up no_inherit
alter table animals_@n add column weight numeric;
alter table birds_@n no inherit animals_@n;
alter table only animals_@n alter column name drop not null;
--- down
alter table only animals_@n alter column name set not null;
alter table birds_@n inherit animals_@n;
alter table animals_@n drop column weight;
