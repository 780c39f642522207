-- sqlmigrate: irreversible (the rows are older than we may keep them)
drop table events_2024;
