"""Predictions of several kernels made one: folds, calibration, blend, submission."""
