"""The formats of others: PrefLib, Pabulib, and grades in CSV. Text in, an election out.

A line that is not understood is refused with its number. This package must never guess what a line means.
"""
