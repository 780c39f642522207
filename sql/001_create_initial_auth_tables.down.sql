-- Everything goes: accounts, sessions and the audit log, with their indexes, triggers and comments.

drop table auth_audit_log;
drop table sessions;
drop table users;

drop function set_updated_at();
