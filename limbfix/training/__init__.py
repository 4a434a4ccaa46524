"""How are limbfix's networks trained? One script per network; `python -m limbfix.training.NAME --help`."""
