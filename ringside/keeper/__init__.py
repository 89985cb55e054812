"""The keeper: finds the best way to fill a signed order, and submits it. It has no right but
that."""
