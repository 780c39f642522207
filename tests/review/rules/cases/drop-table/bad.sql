-- sqlmigrate: irreversible (the rows cannot be restored)
drop table orders;
