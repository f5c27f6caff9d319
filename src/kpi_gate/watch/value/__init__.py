"""What the champion in use earns, what it would earn, and what its staleness costs.

`realised` and `challenger` are asked; `champion_rows` scores, `estimated` values what has no
outcome yet, `findings` tells. May import `context`, `finding`, run, evaluation, data, record and
learning.
"""
