alter table orders owner to shop;
-- down
alter table orders owner to current_user;
