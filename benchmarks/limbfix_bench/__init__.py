"""What the scripts in benchmarks/ share: estimates with intervals, pictures and labels, runs, rows of results."""
