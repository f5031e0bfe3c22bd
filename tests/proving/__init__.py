"""Four small GANs of kinds that no document has, to prove the interface by: test_proving.py."""
