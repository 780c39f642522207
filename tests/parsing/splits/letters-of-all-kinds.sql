⟦select 'ä;', "名前;", été, emoji🎉 from ünï⟧;
⟦select '🎉'⟧;
────
Offsets count characters, whatever their width.
