-- sqlmigrate: irreversible (tests only)
delete from orders where is_test;
