"""WHETHER: from money per decision to a verdict, and when to retrain. Pure: no tool, no I/O.

Imports numpy, scipy, pydantic and the ground floor; everything above may import it.
"""
