⟦create function f(begin atomic) returns table (begin atomic) language sql as 'select 1'⟧;
⟦create function f(begin atomic) returns int begin atomic select 1; end⟧;
────
In the parameter list the same words are the name of a parameter and its type.
