⟦create/**/function/**/f()begin/**/atomic/**/end⟧;⟦create--
procedure p()begin--
atomic select(1);--
end⟧;
────
Also without any white space.
