⟦create function f(a text default 'begin atomic') returns int language sql as $$ select 1; -- begin atomic $$⟧;
⟦select 1⟧;
⟦end⟧;
────
The words in a string or a dollar quote do not begin a body.
