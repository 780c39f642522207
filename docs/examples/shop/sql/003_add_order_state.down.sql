-- The states of all orders are lost.
-- sqlmigrate: lock-timeout 500ms

alter table orders drop column state;
