"""The command line, one module a noun. Nothing heavy is imported before a verb is chosen."""
