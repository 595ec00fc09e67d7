"""Whether what was sent has arrived: what senders report, against what Segment and a warehouse count.

The reports say what was sent (``sends``); Segment is asked for its counts (``counts``), and a warehouse for
its rows (``rows``); each step is judged (``comparison``) and put into words (``note``).
"""
