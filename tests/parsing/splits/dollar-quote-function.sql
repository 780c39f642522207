⟦create function f() returns void language plpgsql as $body$
begin
    execute $q$ select ';' $q$; -- it's
end;
$body$⟧;
⟦create function g() returns trigger as $$ begin return new; end; $$ language plpgsql⟧;
────
Function bodies in dollar quotes, one inside another.
