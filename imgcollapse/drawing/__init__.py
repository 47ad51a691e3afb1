"""Grids and histograms that chains and figures share: arrays in, PNG bytes out, no torch."""
