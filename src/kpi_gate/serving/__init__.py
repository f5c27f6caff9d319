"""The champion in service: exported at promotion, followed as the ledger says, answered, logged.

The process that answers imports neither MLflow, pandas nor scikit-learn: what needs them makes the
export, or lives in a process of its own. May import evaluation and what is below it.
"""
