⟦create /* ; */ or -- ;
replace /* /* ; */ */ function f() returns int
begin /* ; */ atomic -- ;
    select 1; /* ; */ -- ;
/* /* ; */ */ end⟧ /* ; */;
⟦select 2⟧;
────
Comments may stand between all the words that count.
