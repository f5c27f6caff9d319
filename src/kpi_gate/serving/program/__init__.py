"""The compiled form of a model: steps from columns to a number a row, read from JSON and arrays.

`table` is what they are made of, `encoding`, `arithmetic` and `models` are the steps, `reading`
puts them together. Where a model would refuse a row, the row is marked, and goes on as NaN.
"""
