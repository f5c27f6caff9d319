"""Data that several use cases share: found in the package that carries it, laid out, read."""
