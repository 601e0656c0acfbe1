"""Members decide: circles and colleges, proposals, votes that anyone can count again, rules that take effect."""
