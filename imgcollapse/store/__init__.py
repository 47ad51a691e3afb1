"""The run directory: what a chain leaves on disk, and how it gets there in one piece."""
