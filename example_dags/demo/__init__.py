"""`python -m example_dags.demo`: a night of events, through a real Airflow, into Segment on this machine."""
