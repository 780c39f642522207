"""Brings a PostgreSQL database up to date with a folder of plain SQL files."""
