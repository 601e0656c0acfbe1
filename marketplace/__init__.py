"""The roof: missions from the first wish to the settled hours, and everything that puts the floors together."""
