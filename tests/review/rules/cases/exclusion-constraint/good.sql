create table bookings_new (
    like bookings including all,
    constraint bookings_new_during_excl exclude using gist (during with &&)
);
-- down
drop table bookings_new;
-- next migration
insert into bookings_new select * from bookings on conflict do nothing;
-- down
delete from bookings_new;
