-- The states of all orders are lost.
-- sqlmigrate: lock-timeout 2s

alter table orders drop column state;
