;⟦select 1⟧;;⟦select 2⟧; ; -- x
;;
────
Several semicolons cut like one.
