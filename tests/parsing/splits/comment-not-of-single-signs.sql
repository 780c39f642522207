⟦select 1 - -1, 4 / 2, 4 * 2, 5 # 3, 8-/**/-1⟧;
⟦select 2⟧;
────
A single dash or slash, a star or a # does not begin a comment.
