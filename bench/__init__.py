"""Measurements: how fast we answer, next to others that answer the same."""
