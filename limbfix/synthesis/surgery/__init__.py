"""How are photographs of normal hands and bodies cut and put together again? Pure functions on arrays, no files."""
