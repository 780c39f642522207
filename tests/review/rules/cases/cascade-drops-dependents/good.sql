-- sqlmigrate: irreversible (the rows are gone for good)

-- sqlmigrate: allow drop-view (nobody reads it since release 12)
drop view open_orders;
-- sqlmigrate: allow drop-table (nobody reads it since release 12)
drop table orders;
