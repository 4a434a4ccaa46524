"""The data engine: made pictures of people and hands, with exact labels and defects made on purpose.

`python -m limbfix.synthesis --help` is its command line; `limbfix.synthesis.streams.make_stream` its door for Python.
"""
