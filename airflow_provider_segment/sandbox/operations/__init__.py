"""The operations of the Public API, a module for each family. `operation_table` collects them.

In a module, `COLLECTIONS` declares the regular operations: a new one costs a few lines. An operation with
behaviour of its own is a function in `SPECIAL`, under the "METHOD /path" that Segment documents. Where both
define an operation, the special one wins.
"""
