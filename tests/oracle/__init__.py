"""Independent checkers of recordings: written without the engine, so that they do not share its mistakes.

`flv`, `mp4`, `ts` and `bare` read containers, `packets` turns any of them into comparable packets, and
`rules` holds them against the rules of recording.md.
"""
