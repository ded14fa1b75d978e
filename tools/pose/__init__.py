"""Poses by hand: learns which way a model's keypoints go, and shows how far the pictures hold."""
