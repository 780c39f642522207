-- sqlmigrate: irreversible (the rows are gone for good)

-- sqlmigrate: allow drop-table (nobody reads it since release 12)
drop table orders cascade;
