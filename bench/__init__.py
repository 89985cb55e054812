"""What is measured, and how. `python -m bench` runs all of it."""
