"""Who should get what back for which picture, and can that be proven later? An append-only ledger of recommendations.

limbfix recommends; it never moves money. Import from the files themselves: `store` (open and read), `adding`
(records and orders in), `overrides` (what a person decided), `cases` (what holds now), `verifying` (is it whole?).

    with open_ledger("ledger.db") as ledger:
        for case in current_cases(ledger): ...
        decide(ledger, case.case_id, Decision(who="Ada", why="six fingers", answer="confirm"), saw=case.latest_hash)
"""

NOTICE = "limbfix recommends; it never moves money."
"""Stands in every entry and in everything that is shown or written about refunds."""
