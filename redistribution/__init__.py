"""Contributions, surplus, funds and the observatory. Empty for now: no unit is levied yet."""
