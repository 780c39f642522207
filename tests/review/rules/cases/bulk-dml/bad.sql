update orders set tax = total / 5;
-- down
update orders set tax = 0;
