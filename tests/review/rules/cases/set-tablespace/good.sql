-- sqlmigrate: no-transaction
-- sqlmigrate: irreversible (the old disk is removed)
reindex (tablespace pg_default, concurrently) index orders_state_index;
