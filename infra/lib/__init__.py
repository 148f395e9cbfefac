"""Pure Python: names, labels, images, settings. Knows nothing of Pulumi."""
