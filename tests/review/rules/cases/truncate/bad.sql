-- sqlmigrate: irreversible (all users sign in again)
truncate sessions;
