"""Report: one HTML page from a run, several runs or a study; no torch."""
