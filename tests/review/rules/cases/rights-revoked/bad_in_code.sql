do $$ begin execute 'revoke insert on invoices from rev_app2'; end $$;
