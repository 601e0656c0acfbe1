"""The time bank: one ledger with one door, holds, gifts and statements."""
