"""Checks that teach: points for every part, and a message that names the likely mistake."""
