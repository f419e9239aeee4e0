"""Delivery: owed webhooks leave the outbox, signed, guarded, in order, none in another's way.

Pure: `guard` (where may we connect), `schedule` (what an answer means, when to try again),
`lanes` with `ceilings` (who may be sent now), `quota` (what is kept in memory). Without I/O:
`message` (headers), `answer` (what consumers report), `offline` (what needs no network). Doors:
`resolver` (names), `post` (one HTTP request). Between them: `trying` (prepares and judges tries)
with `marking`, `settling` (results to the ledger), `loading` (owed ones from the store), and
`sender`, which joins them and is, with its `wiring`, the only one that others need, beside
`guard` for the rules.
"""
