"""What every ring of the running process shares: masking, isolation of failures, the origin of a request."""
