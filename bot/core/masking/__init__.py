"""Find secrets in text and mask them, in linear time."""
