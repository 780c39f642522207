alter schema legacy rename to shop;
-- down
alter schema shop rename to legacy;
