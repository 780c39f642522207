-- sqlmigrate: irreversible (a test)
-- sqlmigrate: allow execute-revoked (only rev_app3 uses invoices)
grant execute on function is_mine(name) to rev_app3;
revoke execute on function is_mine(name) from public;
