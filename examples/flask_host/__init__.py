"""A small MIS on Flask and SQLAlchemy that shares data by agreement, with every page of the product.

`tables`, `sharing` and `jobs` are what a host writes to reach the first accepted agreement; the rest are pages, and a
sample to try them with. The README in this folder says how to start it.
"""
