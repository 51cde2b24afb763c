"""The page: one self-contained HTML file that shows which file of each model to ship, and why."""
