-- sqlmigrate: irreversible (everybody signs in again)
truncate sessions;
