"""What to write instead of what a finding is about: files for the tables, columns and constraints of this review."""
