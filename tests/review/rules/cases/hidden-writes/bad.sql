-- sqlmigrate: irreversible (guests asked to be forgotten)
delete from customers where is_guest;
