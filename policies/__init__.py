"""Content that officers review, and the pure rules of deployment."""
