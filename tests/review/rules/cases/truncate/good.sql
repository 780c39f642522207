-- sqlmigrate: irreversible (all users sign in again)

-- sqlmigrate: allow truncate (the tokens were created with a weak key)
truncate sessions;
