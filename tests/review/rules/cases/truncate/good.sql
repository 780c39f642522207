-- sqlmigrate: irreversible (everybody signs in again)

-- sqlmigrate: allow truncate (the tokens were made with a weak key)
truncate sessions;
