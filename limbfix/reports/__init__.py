"""How do records leave? As lines on a stream, and as a folder with a page that people can read.

Import from the files themselves: `writers` for `--format`, `summary` for the counts, `evidence` and `folder` for
`--report`. Nothing is imported here, so that asking for one costs nothing of the others.
"""
