"""Making a model small: distilling it into a student, pruning channels, and counting what that costs and saves."""
