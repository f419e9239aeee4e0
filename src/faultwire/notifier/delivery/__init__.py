"""Delivery: owed webhooks leave the outbox, signed, guarded, in order, none in another's way.

Pure: `guard` (where may we connect), `schedule` (what an answer means, when to try again),
`lanes` with `ceilings` (who may be sent now), `quota` (what is kept in memory), `answer` (what
consumers report), `message` (headers). Shells: `resolver`, `post` (one HTTP request),
`settling`, `loading` and `sender`, which joins them and is the only one that others need.
"""
