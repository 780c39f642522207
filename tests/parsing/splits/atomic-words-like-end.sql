⟦create function f() returns int begin atomic
    endless;
    end_of;
    end$1;
    ende;
    "end";
    end⟧;
⟦select 4⟧;
────
A longer name that begins with end does not close a body, and a quoted one does not either.
