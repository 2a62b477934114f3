"""The census income data: real (a TFDS builder) and synthetic, with one schema."""
