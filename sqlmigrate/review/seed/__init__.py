"""Generated rows for empty tables of the shadow database."""
