⟦create /* ; */ or -- ;
replace /* /* ; */ */ function f() returns int
begin /* ; */ atomic -- ;
    select 1; /* ; */ -- ;
/* /* ; */ */ end⟧ /* ; */;
⟦select 2⟧;
────
Comments are allowed between all the words that matter.
