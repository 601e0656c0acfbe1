"""Counting: from ballots to a result that anybody can recompute. Data in, data out.

This package must never touch a database, a clock, a setting or the network, and never compute with floats.
"""
