⟦select 'it''s; fine'⟧;
⟦select ''⟧;
⟦select ''''⟧;
⟦select ''';'''⟧;
────
Two quotes inside a string mean one quote; the string does not end there.
