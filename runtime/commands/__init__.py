"""The commands of `python -m runtime`, one file each: `parser()` says what it takes, `run(args)` does it."""
