-- sqlmigrate: irreversible (PostgreSQL cannot drop an enum label)
alter type order_state add value 'shipped' after 'sent';
