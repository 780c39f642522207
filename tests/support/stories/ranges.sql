--- up ranges (14)
create type temperature_@n as range (
    subtype = double precision, subtype_diff = float8mi, multirange_type_name = temperatures_@n
);
create table bookings_@n (
    id     int generated always as identity primary key,
    room   int4range not null,
    during tstzrange not null,
    comfort temperature_@n default '[18.5,24)',
    gaps   tstzmultirange,
    constraint no_double_booking_@n exclude using gist (room with &&, during with &&) where (not isempty(room)),
    constraint during_is_bounded check (not lower_inf(during) and not upper_inf(during))
);
insert into bookings_@n (room, during) values
    ('[1,2)', '[2026-01-01 00:00+00,2026-01-02 00:00+00)'),
    ('[2,3)', '[2026-01-01 00:00+00,2026-01-02 00:00+00)');
--- down
drop table bookings_@n;
drop type temperature_@n;

--- up deferred_exclusion (14)
alter table bookings_@n
    drop constraint no_double_booking_@n,
    add constraint no_double_booking_@n exclude using gist (room with &&, during with &&)
        deferrable initially deferred;
set constraints all deferred;
update bookings_@n set room = '[2,3)' where id = 1;
update bookings_@n set room = '[1,2)' where id = 2;
--- down
alter table bookings_@n
    drop constraint no_double_booking_@n,
    add constraint no_double_booking_@n exclude using gist (room with &&, during with &&) where (not isempty(room));

--- up temporal (18)
create table prices_@n (
    product int4range,
    valid   daterange,
    price   numeric not null,
    constraint prices_@n_pkey primary key (product, valid without overlaps)
);
create table offers_@n (
    id      uuid default uuidv7() primary key,
    product int4range,
    valid   daterange,
    constraint offers_@n_prices foreign key (product, period valid) references prices_@n (product, period valid)
);
insert into prices_@n values ('[1,2)', '[2026-01-01,2027-01-01)', 9.5);
--- down
drop table offers_@n, prices_@n;

--- up virtual_columns (18)
alter table bookings_@n
    add column room_number int generated always as (lower(room)) virtual,
    add constraint room_is_positive check (lower(room) > 0) not enforced,
    add constraint gaps_given not null gaps not valid;
--- down
alter table bookings_@n
    drop constraint gaps_given,
    drop constraint room_is_positive,
    drop column room_number;

--- up json_table (18)
create view bookings_@n_json as
select j.*
  from json_table('[{"a": 1, "b": "x;y"}]'::jsonb, '$[*]' columns (a int path '$.a', b text path '$.b')) as j;
--- down
drop view bookings_@n_json;
