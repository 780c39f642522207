-- sqlmigrate: irreversible (a test)
alter type vis add value 'Friends' after 'Public';
