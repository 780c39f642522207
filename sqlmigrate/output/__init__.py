"""What users and programs read: screens and JSON, and the thread that writes them."""
