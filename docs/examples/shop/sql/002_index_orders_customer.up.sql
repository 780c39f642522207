-- The list of a customer's orders reads this index.
--
-- CONCURRENTLY does not block writes. It cannot run in a transaction, so it has a file of its own.

create index concurrently orders_customer_id_idx on orders (customer_id);
