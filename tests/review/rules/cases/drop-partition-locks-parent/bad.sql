-- sqlmigrate: irreversible (the rows have passed the retention period)
drop table events_2024;
