grant select, insert, update, delete on orders to shop;
-- down
revoke select, insert, update, delete on orders from shop;
