"""Crashes: real processes, really killed, under load. What was acknowledged is there once, and nothing else."""
