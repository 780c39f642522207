⟦begin⟧;
⟦begin read only⟧;
⟦begin transaction isolation level serializable⟧;
⟦start transaction⟧;
⟦end⟧;
⟦commit⟧;
────
BEGIN and END without ATOMIC are statements.
