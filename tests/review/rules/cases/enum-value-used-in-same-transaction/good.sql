-- sqlmigrate: irreversible (PostgreSQL cannot take a label away)
alter type order_state add value 'paid';
-- next migration
alter table orders alter column state set default 'paid';
-- down
alter table orders alter column state drop default;
