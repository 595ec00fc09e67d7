"""Waiting for states of Segment: what to ask, how to judge the answers, who asks for whom.

A condition (:mod:`.condition`) says what to ask and judges the answers; it neither sends nor sleeps. So the
same one is looked at by a sensor that pokes (:func:`.watch.look`), by an operator that waits in its worker
(:func:`.watch.wait`), and by triggers, for which :mod:`.polls` asks once for all that wait for the same.

Nothing here knows Airflow.
"""
