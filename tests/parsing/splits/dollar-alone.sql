⟦select $ , $a , $⟧;
⟦select a $ b⟧;
────
A dollar that begins no tag opens nothing.
