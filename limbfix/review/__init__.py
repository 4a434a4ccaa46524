"""Who decides what the gate only flagged? People, on a page of this machine, and every answer goes to the ledger.

Import from the files themselves: `index` (what the ledger holds, in a few bytes a picture), `auditing` (which others are
looked at too), `queueing` (in which order), `answering` (an answer becomes an entry), `estimates` (what the answers
imply), `labels` (the answers as a file), `recalibration` (what scores mean after them), `serving` (the page itself).
"""
