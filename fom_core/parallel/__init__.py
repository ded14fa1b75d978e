"""Several at once: faces in a batch, pieces by threads, steps beside one another, processes and machines."""
