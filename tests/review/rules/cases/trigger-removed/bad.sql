drop trigger child_audit on child;
drop function audit();
