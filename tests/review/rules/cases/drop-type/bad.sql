drop type colour;
-- down
create type colour as enum ('red', 'green');
