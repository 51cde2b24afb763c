"""Runs an export: plans the steps, orders them, and gives them to worker processes."""
