"""The parts of `make bench-quality`, one a file: each measures, and gives lines for RESULTS.md."""
