"""Takes over the folder and the history of another migration tool."""
