"""WHAT: time windows, training and calibration, policies and scoring. scikit-learn only."""
