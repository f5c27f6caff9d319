"""BEFORE YOU TRUST IT: the promotion policy, played on the use case's own history.

May import `pipeline` and what is below it; its pages are in `report`.
"""
