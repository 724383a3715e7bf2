"""Reads of loyalty; each has a fixed number of queries."""
