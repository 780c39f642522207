⟦create function f() returns int begin atomic
    select 1; -- end;
    /* end; */
end⟧;
⟦select 2⟧;
────
An END in a comment does not close a body.
