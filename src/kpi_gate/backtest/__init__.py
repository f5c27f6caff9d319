"""Promotion policies played on a use case's own history, tick by tick, before one trusts the gate.

May import `pipeline` and what is below it; its pages are in `report`.
"""
