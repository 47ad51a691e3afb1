"""Studies: chains on disk, one run directory for each."""
