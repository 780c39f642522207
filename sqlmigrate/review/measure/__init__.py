"""Executes migrations on a shadow database, and measures what they do."""
