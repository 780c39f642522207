create type finish as enum ('matt', 'glossy');
-- down
drop type finish;
