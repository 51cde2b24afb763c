"""Long campaigns, each a command: `python -m tests.campaigns.NAME ARTIFACTS`; docs/safety.md has their figures."""
