"""What users and programs read: screens and JSON. The command line writes them to stdout and stderr."""
