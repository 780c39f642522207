revoke execute on function is_mine(name) from public;
