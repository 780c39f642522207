drop trigger child_audit on child;
create trigger child_log before insert or update on child for each row execute function audit();
-- down
drop trigger child_log on child;
create trigger child_audit before insert or update on child for each row execute function audit();
