"""Labels: what came of each decision, and from when that is settled."""
