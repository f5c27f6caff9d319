"""What an action is worth in money: value models, and estimators over logged decisions.

Imports `stats` and the paired rows; a use case takes its value model from here.
"""
