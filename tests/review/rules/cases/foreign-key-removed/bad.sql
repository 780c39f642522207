alter table child drop constraint child_parent;
