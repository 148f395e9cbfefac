"""Commands of the public contour: what its witness and its database hold."""
