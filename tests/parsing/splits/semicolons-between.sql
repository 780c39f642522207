;⟦select 1⟧;;⟦select 2⟧; ; -- x
;;
────
Several semicolons are like one.
