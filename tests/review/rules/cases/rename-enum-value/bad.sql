alter type order_state rename value 'sent' to 'shipped';
-- down
alter type order_state rename value 'shipped' to 'sent';
