"""What does a ledger say, to an accountant and to an artist? One page or PDF, or tables for other programs.

`facts` counts, `page` and `pdf` show, `tables` list; `writing` is the door.
"""
