⟦create procedure p() begin atomic end⟧;
⟦create procedure p() begin atomic ;; end⟧;
────
A body may be empty.
