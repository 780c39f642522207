-- Reads all orders, and blocks neither reads nor writes.

alter table orders validate constraint orders_state_is_known;
