"""The benchmark: how fast hours move over HTTP, against the same database spoken to directly.

``make bench`` runs it. It is not a test: it fails only where a figure would be a lie (an answer that is not
a 201, a transfer that was counted and is not in the ledger, a commit that does not wait for the disk).
"""
