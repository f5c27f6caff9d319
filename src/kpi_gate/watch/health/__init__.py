"""Silent failures: a day's rows, columns, outputs and labels beside what is usual.

`batch` checks rows, by `days`, `rows`, `columns`, `stale_columns` and `diagnosis`; `outputs` and
`behaviour` the model; `skew` and `leakage` what is known later. `reference` says what is usual
between good days, for all of them. May import `finding`, usecase and learning.
"""
