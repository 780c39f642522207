⟦create function f() returns int begin atomically⟧; ⟦select 1⟧; ⟦end⟧;
⟦create function f() returns int beginn atomic⟧; ⟦select 1⟧; ⟦end⟧;
⟦create function f() returns int xbegin atomic⟧; ⟦select 1⟧; ⟦end⟧;
⟦create function f() returns int x$begin atomic⟧; ⟦select 1⟧; ⟦end⟧;
⟦create function f() returns int begin.atomic⟧; ⟦select 1⟧;
⟦create function f() returns int "begin" atomic⟧; ⟦select 1⟧;
────
Longer words, quoted words, and words that are not next to each other do not begin a body.
