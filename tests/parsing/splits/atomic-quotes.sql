⟦create function f() returns text begin atomic
    select E'\';end;' || $$;end;$$ || $a$; end$a$;
    select ';end', "; end";
    select 'a'
    'end';
end⟧;
⟦select 2⟧;
────
Quotes in a body hide an END.
