"""Studies behind the protocol: each a script of its own (`python -m bench.studies.NAME`), its data in docs/studies/.

They take minutes to an hour and are no part of a run or of the tests; docs/method.md says what came out of them.
"""
