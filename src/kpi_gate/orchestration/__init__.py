"""WHEN: Prefect only. A flow's body fits one screen; the work is done in `kpi_gate.pipeline.stages`."""
