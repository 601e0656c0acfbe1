"""Circles, colleges, proposals and votes. Empty for now: rules are changed by recorded assemblies (``tenants.assemblies``)."""
