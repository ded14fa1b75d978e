"""Face detectors, one file each: a picture in, boxes, scores and landmarks out."""
