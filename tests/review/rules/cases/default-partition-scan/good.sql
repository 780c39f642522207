alter table events_default add constraint events_default_bound
    check (day is not null and (day < '2026-01-01' or day >= '2027-01-01')) not valid;
-- down
alter table events_default drop constraint events_default_bound;
-- next migration
alter table events_default validate constraint events_default_bound;
-- down
alter table events_default drop constraint events_default_bound;
alter table events_default add constraint events_default_bound
    check (day is not null and (day < '2026-01-01' or day >= '2027-01-01')) not valid;
-- next migration
create table events_2026 (like events);
alter table events attach partition events_2026 for values from ('2026-01-01') to ('2027-01-01');
-- down
alter table events detach partition events_2026;
drop table events_2026;
