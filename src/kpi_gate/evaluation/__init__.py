"""From models and rows to evidence: scoring, valuation, metrics, comparison of two sides."""
