"""Models that were not made for edgeproof, each exported as a user would."""
