"""How the champion is served, beside `mlflow models serve` in the same run."""
