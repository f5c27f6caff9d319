"""The verbs, as plain functions of a run: flows, command line and dvc.yaml all call these."""
