⟦create procedure p() begin atomic
    create rule r as on insert to t do (select 1; select 2; end; );
    select (1);
end⟧;
⟦select 2⟧;
────
An END in parentheses does not close a body.
