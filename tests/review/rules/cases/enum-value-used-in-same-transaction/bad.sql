-- sqlmigrate: irreversible (PostgreSQL cannot take a label away)
alter type order_state add value 'paid';
alter table orders alter column state set default 'paid';
