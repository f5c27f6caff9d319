"""What a sample can say: intervals, bootstrap, shrinkage, calibration. numpy and scipy only."""
