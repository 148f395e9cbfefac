"""`larets images`: the container images of both contours, from a base that is given or made here."""
