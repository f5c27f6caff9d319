"""What callers see: routes, problems, keys, limits, metrics; each a small piece of its own."""
