"""The history table: its definition, reading it, writing it, its log."""
