"""The deep rehearsal: two real one-node clusters, each in namespaces of its own, and the same stacks on them."""
