"""Segment (Twilio's customer data platform) for Apache Airflow."""

__version__ = "0.1.0"
