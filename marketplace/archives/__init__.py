"""A cooperative in one file: exported whole, imported on another installation, proved equal on the way.

The operator's doing, by ``archipel tenant export`` and ``import``. This package must never be reached from a web page.
"""
