"""From measured facts to findings."""
