"""Brings a PostgreSQL database up to date with a folder of plain SQL files."""

__version__ = "0.1.0"
