"""A part of the groceries data, for tests that must be quick."""

import pandas as pd

from kpi_gate.carriers import groceries


def fetch_some(folder, every):
    """Lay out the receipts of every so many households; return the folder."""
    groceries.fetch(folder)
    for path in folder.glob("2*.parquet"):
        lines = pd.read_parquet(path)
        lines[lines["household"].str[1:].astype(int) % every == 0].to_parquet(path)
    return folder
