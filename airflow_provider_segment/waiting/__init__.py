"""Conditions on Segment's state, and how they are polled.

A condition (:mod:`.condition`) says which requests to send and judges the answers; it does no I/O and never
sleeps. So the same condition serves a sensor that pokes (:func:`.watch.look`), an operator that waits in its
worker (:func:`.watch.wait`), and triggers, which share their requests (:mod:`.polls`).

Nothing here depends on Airflow.
"""
