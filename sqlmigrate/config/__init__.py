"""What the user has set: flags, environment variables, `pyproject.toml`, database URLs."""
