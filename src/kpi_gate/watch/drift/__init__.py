"""Which columns moved, whether it lasts, and what it does to the score.

`explain` is asked; it counts by `profile`, tests by `shift`, weighs by `impact`, and answers with a
`result`. May import `finding` and usecase.
"""
