⟦select $ , $a , $⟧;
⟦select a $ b⟧;
────
A dollar that does not begin a tag opens nothing.
