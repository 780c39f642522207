⟦create function f() returns text begin atomic
    select E'\';end;' || $$;end;$$ || $a$; end$a$;
    select ';end', "; end";
    select 'a'
    'end';
end⟧;
⟦select 2⟧;
────
An END in quotes does not close a body.
