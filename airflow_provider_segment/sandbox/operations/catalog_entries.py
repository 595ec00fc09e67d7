"""What can be connected: a few dozen of the sources, destinations and warehouses in Segment's catalog, under
their true ids, and all that Segment's documentation has in its examples. Their options and actions are
plausible ones, not all. A new one is a line here; in a test, `Sandbox.add_to_catalog`."""

from __future__ import annotations

from airflow_provider_segment.sandbox.operations.catalog_shapes import Option, destination, entry, source

DATABASE: tuple[Option, ...] = (
    ("hostname", "string", True),
    ("port", "string", True),
    ("database", "string", True),
    ("username", "string", True),
    ("password", "password", True),
)
SNOWFLAKE: tuple[Option, ...] = (
    ("account", "string", True),
    ("database", "string", True),
    ("warehouse", "string", True),
    ("username", "string", True),
    ("password", "password", False),
)
BIGQUERY: tuple[Option, ...] = (("gc-project", "string", True), ("location", "string", False))
DATABRICKS: tuple[Option, ...] = (
    ("hostname", "string", True),
    ("http_path", "string", True),
    ("token", "password", True),
)
KEY: tuple[Option, ...] = (("apiKey", "password", True),)
KEY_AND_SECRET: tuple[Option, ...] = (*KEY, ("secretKey", "password", False), ("endpoint", "string", False))
URL: tuple[Option, ...] = (("url", "string", True),)

SOURCES = (
    source("iUM16Md8P2", "http-api", "HTTP API", "Server"),
    source("IqDTy1TpoU", "javascript", "Javascript", "Website"),
    source("XRksQPCr7X", "python", "Python", "Server"),
    source("U9mT0bPcI6", "node-js", "Node.js", "Server"),
    source("V6ynUvQgbc", "java", "Java", "Server"),
    source("yBvi77aEwr", "go", "Go", "Server"),
    source("aACTBqIbWT", "ruby", "Ruby", "Server"),
    source("TDO70If4mD", "php", "PHP", "Server"),
    source("8HWbgPTt3k", "net", ".NET", "Server"),
    source("B6L7qzHmhI", "clojure", "Clojure", "Server"),
    source("yMu7LRR59b", "kotlin", "Kotlin", "Server"),
    source("7XqN9rJQOG", "pixel-tracking-api", "Pixel Tracking API", "Server"),
    source("9EMcTqiKok", "kotlin-android", "Kotlin (Android)", "Mobile"),
    source("dZeHygTSD4", "apple", "Apple", "Mobile"),
    source("CvYws1p1ZA", "flutter", "Flutter", "Mobile"),
    source("B0X0QmvMny", "react-native", "React Native", "Mobile"),
    source("4zkHfaSKI8", "unity", "Unity", "Mobile"),
    source("BbupS2SB0b", "roku", "Roku (alpha)", "Ott"),
    source("GNLT5OQ45P", "amazon-s3", "Amazon S3", "Custom", cloud=True),
    source("L8TEm5Z8UV", "braze", "Braze", "Email Marketing", cloud=True),
    source("sTypQz3Fd2", "customer-io", "Customer.io", "Email Marketing", cloud=True),
    source("EfKbe2yt0J", "klaviyo", "Klaviyo", "Email Marketing", cloud=True),
    source("lI8p2ldOqa", "iterable", "Iterable", "Email Marketing", cloud=True),
    source("lWnQVj7Zo4", "pendo", "Pendo", "Analytics", cloud=True),
    source("lWMazCg4rS", "twilio-event-streams", "Twilio Event Streams", "Analytics", cloud=True),
    source("2baks93n", "salesforce", "Salesforce", "CRM"),
    source("2baks93o", "hubspot", "HubSpot", "CRM"),
    source("b3346ddd", "intercom", "Intercom", "Email Marketing"),
    source("acd1bc21d", "mailchimp", "Mailchimp", "Email Marketing"),
    source("1bow82lmk", "stripe", "Stripe", "Payments"),
    source("UBrsG9RVzw", "ios", "iOS", "Mobile"),
    source("117eYCe9jH", "youbora", "Youbora", "Analytics"),
    source("1QTd6JKw53", "regal-voice", "Regal Voice", "Analytics", cloud=True),
    source("cQ8NOxeApJ", "google-ads", "Google Ads", "Advertising"),
    source("mazatB39IS", "facebook-ads", "Facebook Ads", "Advertising"),
    source("WvlvcGEJsT", "postgres", "Postgres", "Warehouse", *DATABASE),
    source("0yMe8VfuDc", "redshift", "Redshift", "Warehouse", *DATABASE),
    source("BQp3zGUgjV", "snowflake", "Snowflake", "Warehouse", *SNOWFLAKE),
    source("78PbvP2yv8", "bigquery", "BigQuery", "Warehouse", *BIGQUERY),
    source("aSPS4yE0CZ", "databricks", "Databricks", "Warehouse", *DATABRICKS),
)

DESTINATIONS = (
    destination("54521fd725e721e32a72eebb", "google-analytics", "Google Analytics", "Analytics"),
    destination("54521fd725e721e32a72eebf", "help-scout", "Help Scout", "Helpdesk", KEY),
    destination("54521fd525e721e32a72ee91", "amplitude", "Amplitude", "Analytics", KEY),
    destination("54521fd525e721e32a72ee8e", "adroll", "AdRoll", "Advertising"),
    destination("54521fd525e721e32a72ee8f", "appsflyer", "AppsFlyer", "Attribution"),
    destination("547610a5db31d978f14a5c4e", "blueshift", "Blueshift", "Personalization", KEY),
    destination("57da359580412f644ff33fb9", "amazon-kinesis", "Amazon Kinesis", "Raw Data"),
    destination(
        "5f7dd6d21ad74f3842b1fc47",
        "actions-amplitude",
        "Amplitude (Actions)",
        "Analytics",
        KEY_AND_SECRET,
        "logEvent identifyUser groupIdentifyUser logPurchase",
    ),
    destination(
        "60f9d0d048950c356be2e4da",
        "actions-braze-cloud",
        "Braze Cloud Mode (Actions)",
        "Email Marketing",
        KEY_AND_SECRET,
        "trackEvent trackPurchase updateUserProfile",
    ),
    destination(
        "61806e472cd47ea1104885fc",
        "actions-facebook-conversions-api",
        "Facebook Conversions API (Actions)",
        "Advertising",
        (("pixelId", "string", True),),
        "purchase addToCart pageView custom",
    ),
    destination(
        "60ad61f9ff47a16b8fb7b5d9",
        "actions-google-analytics-4",
        "Google Analytics 4 Cloud",
        "Analytics",
        (("measurementId", "string", True), ("apiSecret", "password", True)),
        "purchase pageView customEvent",
    ),
    destination(
        "60ae8b97dcb6cc52d5d0d5ab",
        "actions-google-enhanced-conversions",
        "Google Ads Conversions",
        "Advertising",
        (("conversionTrackingId", "string", False),),
        "postConversion uploadCallConversion",
    ),
    destination(
        "615c7438d93d9b61b1e9e192",
        "actions-mixpanel",
        "Mixpanel (Actions)",
        "Analytics",
        (("projectToken", "password", True), ("apiSecret", "password", True)),
        "trackEvent identifyUser groupIdentifyUser trackPurchase",
    ),
    destination(
        "5f7dd78fe27ce7ff2b8bfa37",
        "actions-customerio",
        "Customer.io (Actions)",
        "Email Marketing",
        (("siteId", "string", True), *KEY),
        "createUpdatePerson trackEvent deletePerson",
    ),
    destination(
        "632b1116e0cb83902f3fd717",
        "actions-hubspot-cloud",
        "HubSpot Cloud Mode (Actions)",
        "CRM",
        (("portalId", "string", False),),
        "upsertContact sendCustomBehavioralEvent upsertCompany",
    ),
    destination(
        "62ded0cf5753c743883ca0f3",
        "actions-intercom-cloud",
        "Intercom Cloud Mode (Actions)",
        "Helpdesk",
        (),
        "trackEvent identifyContact groupIdentifyContact",
    ),
    destination(
        "61957755c4d820be968457de",
        "actions-salesforce",
        "Salesforce (Actions)",
        "CRM",
        (("instanceUrl", "string", False),),
        "lead contact account customObject",
    ),
    destination(
        "645babd9362d97b777391325",
        "actions-iterable",
        "Iterable (Actions)",
        "Email Marketing",
        KEY,
        "updateUser trackEvent trackPurchase",
    ),
    destination(
        "650bdf1a62fb34ef0a8058e1",
        "actions-klaviyo",
        "Klaviyo (Actions)",
        "Email Marketing",
        KEY,
        "upsertProfile trackEvent orderCompleted",
    ),
    destination(
        "5f7dd8e302173ff732db5cc4",
        "slack",
        "Slack (Actions)",
        "Performance Monitoring",
        (),
        "postToChannel",
    ),
    destination("614a3c7d791c91c41bae7599", "actions-webhook", "Webhooks (Actions)", "Raw Data", (), "send"),
    destination(
        "6261a8b6cb4caa70e19116e8",
        "actions-snap-conversions",
        "Snapchat Conversions API",
        "Advertising",
        (("pixel_id", "string", False),),
        "reportConversionEvent",
    ),
    destination(
        "615cae349d109d6b7496a131",
        "tiktok-conversions",
        "TikTok Conversions",
        "Advertising",
        (("accessToken", "password", True), ("pixelCode", "string", True)),
        "reportWebEvent",
    ),
    destination(
        "602efa1f249b9a5e2bf8a813",
        "actions-twilio",
        "Twilio",
        "SMS & Push Notifications",
        (("accountId", "string", True), ("token", "password", True)),
        "sendSms",
    ),
    destination(
        "68516c107fc235f3572f8a64", "actions-posthog", "PostHog", "Analytics", KEY, "event identify group"
    ),
    destination(
        "627ea052118e3cd530d28963", "actions-google-sheets", "Google Sheets", "Raw Data", (), "postSheet"
    ),
    destination(
        "66eaa166f650644f04389e2c",
        "actions-s3",
        "AWS S3 (Actions)",
        "Raw Data",
        (("iam_role_arn", "string", True),),
        "syncToS3",
    ),
    destination(
        "6371eee1ae5e324869aa8b1b",
        "actions-segment",
        "Segment Connections",
        "Raw Data",
        (("source_write_key", "password", True),),
        "sendTrack sendIdentify sendGroup sendPage",
    ),
    destination(
        "639c2dbb1309fdcad13951b6",
        "actions-segment-profiles",
        "Segment Profiles",
        "Raw Data",
        (),
        "sendIdentify sendGroup sendSubscription",
    ),
)

WAREHOUSES = (
    entry("aea3c55dsz", "redshift", "Redshift", DATABASE),
    entry("55d3d3aea3c", "postgres", "Postgres", DATABASE),
    entry("CCIl4HLQPz", "snowflake", "Snowflake", SNOWFLAKE),
    entry("kwX50Df0hr", "bigquery", "BigQuery", BIGQUERY),
    entry("VxcZnH5UIM", "azuresqldb", "Azure SQL Database", DATABASE),
    entry("WcjBCzUGff", "azuresqldw", "Azure SQL Data Warehouse", DATABASE),
    # The ids of these are the sandbox's own.
    entry("sandboxDb2", "db2", "IBM Db2 Warehouse", DATABASE),
    entry("sandboxDbr", "databricks", "Databricks", DATABRICKS),
)
