"""What a sample can say: intervals, bootstrap, shrinkage, calibration.

Imports numpy and scipy, and knows no objective, no check and no model.
"""
