"""Which file to ship: the rule, its limits, and what was chosen on this device before."""
