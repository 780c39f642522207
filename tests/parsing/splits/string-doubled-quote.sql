⟦select 'it''s; fine'⟧;
⟦select ''⟧;
⟦select ''''⟧;
⟦select ''';'''⟧;
────
Two quotes inside a string stand for one, and the string goes on.
