"""Carries kernels to Kaggle and back; never imports a training framework."""
