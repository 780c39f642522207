"""Executes the steps of a plan, one migration at a time, and yields events."""
