"""Commands inside a deployed contour: in its image, beside its processes, told what to do by a request."""
