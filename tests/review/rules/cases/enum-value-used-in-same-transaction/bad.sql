-- sqlmigrate: irreversible (PostgreSQL cannot drop an enum label)
alter type order_state add value 'paid';
alter table orders alter column state set default 'paid';
