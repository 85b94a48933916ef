"""The real Kaggle client behind one adapter."""
