"""Reads SQL: splits a text into statements, tells what each one is, reads directives."""
