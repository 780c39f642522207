-- sqlmigrate: irreversible (a test)
alter table child add constraint child_parent_2 foreign key (parent_id) references parent (id) on delete cascade not valid;
-- next migration
-- sqlmigrate: irreversible (a test)
alter table child drop constraint child_parent;
