-- sqlmigrate: irreversible (guests asked to be forgotten)
-- sqlmigrate: allow rows-lost (guests asked to be forgotten)
delete from customers where is_guest;
