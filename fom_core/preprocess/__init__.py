"""From raw videos to a data set of face clips."""
