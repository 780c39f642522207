-- sqlmigrate: irreversible (guests asked to be forgotten)
-- sqlmigrate: allow rows-lost (guests asked to be forgotten)
delete from order_notes where customer_id in (select id from customers where is_guest);
delete from customers where is_guest;
