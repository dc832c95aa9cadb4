"""Rows: taking them in, holding them to a contract, freezing them as of a time, and computing on them."""
