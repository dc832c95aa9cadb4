"""Contracts: what each column holds, the rules its rows keep, and which rows break them."""
