-- Nothing to undo: 003 drops the column.
select 1;
