"""What an action is worth in money: value models, and estimators over logged decisions."""
