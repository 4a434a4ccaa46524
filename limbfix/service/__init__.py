"""`limbfix serve`: pictures in by HTTP, records out.

One process speaks HTTP and decodes nothing. Pictures lie in files of their own until worker processes
(`limbfix.workers`) have judged them; a worker that dies costs its picture an answer with a verdict and nothing else.
Needs the extra `serve`.
"""
