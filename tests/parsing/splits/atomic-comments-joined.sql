⟦create/**/function/**/f()begin/**/atomic/**/end⟧;⟦create--
procedure p()begin--
atomic select(1);--
end⟧;
────
Comments are allowed between the words, also without white space.
