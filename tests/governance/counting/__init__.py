"""Counting, from outside: real votes with official results, other programs, and properties that must hold."""
