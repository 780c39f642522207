-- sqlmigrate: irreversible (the rows cannot be restored)

-- sqlmigrate: allow drop-table (unused since release 12)
drop table orders;
