"""WHEN: Prefect only: schedule, servers, recovery of runs. The work is done in `pipeline`."""
