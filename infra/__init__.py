"""Building blocks of the deployed halves. Layering: stacks → infra.components → infra.lib."""
