-- sqlmigrate: irreversible (the rows are gone for good)
drop table orders;
