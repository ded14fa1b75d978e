"""Clips as training takes them: found, decoded once, sampled, augmented, fed in batches."""
