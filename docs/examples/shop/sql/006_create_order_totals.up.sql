-- What each order costs. A view can be replaced in a later migration, with this text in its down file.

create view order_totals as
    select orders.id as order_id, orders.customer_id, orders.state, sum(line.quantity * line.price_cents) as total_cents
      from orders
      join order_lines line on line.order_id = orders.id
     group by orders.id;
