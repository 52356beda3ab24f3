"""Measurements that print ratios against a named baseline in one run: `make bench`."""
