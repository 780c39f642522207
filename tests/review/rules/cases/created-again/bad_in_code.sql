do $$
begin
    alter table orders drop constraint orders_fk_customer;
    alter table orders add constraint orders_customer_id_fkey foreign key (customer_id) references customers (id);
end
$$;
-- down
alter table orders rename constraint orders_customer_id_fkey to orders_fk_customer;
