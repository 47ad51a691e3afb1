"""The laboratory for model collapse in image generators."""

__version__ = "0.1.0"
