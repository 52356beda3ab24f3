"""The store: records in Redis or in an embedded server of its protocol."""
