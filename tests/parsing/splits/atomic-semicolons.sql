⟦create procedure p() begin atomic
    ;; select 1;;
    ;
end⟧;
⟦select 2⟧;
────
A body may contain empty statements.
