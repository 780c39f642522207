update orders set total = round(total, 2);
-- down
select 'what was cut off is gone';
