-- head␍
⟦select 1␍
  , 2⟧;␍
␍
⟦select 'a␍
b'⟧␍
;␍
⟦select 4⟧␍
────
Lines may end with CRLF; places count in the file as it is on disk.
