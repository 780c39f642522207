-- sqlmigrate: irreversible (the rows cannot be restored)

-- sqlmigrate: allow drop-view (unused since release 12)
drop view open_orders;
-- sqlmigrate: allow drop-table (unused since release 12)
drop table orders;
