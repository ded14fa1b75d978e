"""Training of the embedded face detector: pictures with labelled faces, and the training itself."""
