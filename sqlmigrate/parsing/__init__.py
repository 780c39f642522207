"""Reading SQL: splits a text into statements, classifies them, reads directives."""
