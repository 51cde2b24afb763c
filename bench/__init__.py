"""The benchmarks of this project: speed beside bare engine calls, and which engine runs which file."""
