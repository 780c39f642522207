⟦create function f() returns int /* begin atomic */ language sql return 1⟧;
⟦end⟧;
────
The words in a comment do not begin a body.
