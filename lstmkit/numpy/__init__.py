"""The book's reference in NumPy: every gradient by hand, nothing but NumPy imported."""
