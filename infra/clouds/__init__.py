"""Adapters: from what a cloud calls a cluster to a ClusterHandle. The default takes an existing kubeconfig."""
