"""Receipts: what a keeper decided and on what, written down so that anyone can repeat it."""
