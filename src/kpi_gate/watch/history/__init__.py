"""What became of a use case over time, told from the ledger.

`track_record` is asked; it reads `events`, judges `alarms`, and answers with a `result`. May import
`finding` and the ledger's entries: no row is an error here, whatever it lacks.
"""
