"""How fast is the hub on this machine? `python -m benchmarks` measures what the README quotes."""
