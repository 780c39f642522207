alter table bookings add constraint bookings_during_excl exclude using gist (during with &&);
-- down
alter table bookings drop constraint bookings_during_excl;
