"""The rules as a policy pack of Pulumi."""
