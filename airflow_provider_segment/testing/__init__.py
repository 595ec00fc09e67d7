"""Runs of your own DAGs against the sandbox, in a throw-away Airflow: the fixture `segment_airflow`."""
