"""Thin Pulumi projects over `infra.programs`."""
