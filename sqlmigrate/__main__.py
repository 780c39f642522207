"""``python -m sqlmigrate``."""

from .cli.main import main

main()
