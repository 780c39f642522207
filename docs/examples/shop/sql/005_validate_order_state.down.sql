-- Nothing to undo: 003 drops the constraint with its column.
select 1;
