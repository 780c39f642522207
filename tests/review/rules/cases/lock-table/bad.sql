lock table orders;
update orders set state = 'closed' where state = 'done';
-- down
update orders set state = 'done' where state = 'closed';
