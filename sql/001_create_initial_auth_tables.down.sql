-- Drops the accounts, the sessions and the audit log, with all their rows.

drop table auth_audit_log;
drop table sessions;
drop table users;

drop function set_updated_at();
