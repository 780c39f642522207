⟦create procedure p() begin atomic
    ;; select 1;;
    ;
end⟧;
⟦select 2⟧;
────
Empty statements in a body.
