"""The export as a run: what has to be done, in which order, by which worker process."""
