"""``python -m sqlmigrate``."""

from .cli import main

main()
