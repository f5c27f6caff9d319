"""Five use cases to copy, one module and one YAML file each, and where their data come from."""
