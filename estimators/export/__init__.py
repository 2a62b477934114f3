"""Serving receivers, signatures and SavedModels."""
