"""What every part shares: errors, time, randomness, identities, settings, ports and records."""
