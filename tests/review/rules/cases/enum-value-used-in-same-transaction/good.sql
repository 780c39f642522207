-- sqlmigrate: irreversible (PostgreSQL cannot drop an enum label)
alter type order_state add value 'paid';
-- next migration
alter table orders alter column state set default 'paid';
-- down
alter table orders alter column state drop default;
