"""Measurements beside peers: `python -m benchmarks [jobs|store|screen|vina] [--quick]`. docs/benchmarks.md says how."""
