"""WHAT: time windows, training and calibration, policies and scoring. scikit-learn only.

`windows` and `label_maturity` say which rows may be learnt from, `training` makes a candidate, with
`classifiers` and `amounts` for what it must answer; `scoring`, `row_scoring`, `logged_choices` and
`policy` turn rows into actions, `expected` into what those read of late amounts; `leakage` and
`levels` describe columns. May import decision alone.
"""
