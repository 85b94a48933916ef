"""Backbones, layers and losses that recipes put together."""
