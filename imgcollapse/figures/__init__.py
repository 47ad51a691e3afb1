"""Figures: pure functions of a run's tables and samples; no torch."""
