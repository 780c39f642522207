-- sqlmigrate: irreversible (PostgreSQL cannot take a label away)
alter type order_state add value 'shipped' after 'sent';
