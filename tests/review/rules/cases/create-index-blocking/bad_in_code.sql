do $$
begin
    create index orders_customer_index on orders (customer_id);
end
$$;
-- down
drop index orders_customer_index;
