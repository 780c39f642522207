-- sqlmigrate: no-transaction
-- sqlmigrate: irreversible (the disk it was on goes away)
reindex (tablespace pg_default, concurrently) index orders_state_index;
