"""What people call things, and what Segment calls them.

Each line has words of people, and what is meant by them in Segment's words: after ``|`` comes another thing
that may be meant. ``:0.5`` is what a word counts, compared with the others.
"""

from __future__ import annotations

ACTIONS = """
create, make, new, set up, setup, provision, register, define, build, introduce = create | add
add, append, attach, link, hook up, plug in, associate, assign = add | create | connect
connect = connect | add | create
put = add | create | set | replace
store, save = create | store
write = create | update
upload, import, push = send | replace | create | update
delete, erase, wipe, get rid of, destroy, purge, discard, drop, kill off, clean up, tear down, take out =
    delete | remove
remove, take away, throw out, kick out, kick, off board, offboard, strip, exclude = remove | delete
detach, unlink, disconnect, unassign, dissociate, decouple, untie, unhook = remove | disconnect
stop sending, stop loading, stop syncing, no longer send, no longer load, no longer sync, stop feeding, stop
    receiving = stop | remove | disconnect
stop = remove | stop | disconnect | cancel | enabled:0.5
cancel, abort, kill, interrupt = cancel | stop
disable, turn off, switch off, deactivate, pause, suspend, mute, halt, freeze = update enabled | update
    switch | disable
enable, turn on, switch on, resume, reactivate, unpause, activate = update enabled | update switch
change, modify, edit, adjust, alter, configure, tweak, correct, fix, reconfigure, set = update | set |
    replace | change
rename = update rename | rename
update = update | replace
overwrite, swap, exchange, substitute = replace | update
refresh, recompute, recalculate, rerun, re run = run | execute
run, execute, start, trigger, launch, kick off, fire, force = run | execute | start | trigger
schedule, every night, every day, every hour, nightly, hourly, daily at, cron = schedule
deploy, publish, release, ship to production, roll out = deploy | deployment
roll back, rollback, revert, undo, go back, former version, previous version = restore version
rotate, renew = rotate
show, get, fetch, read, retrieve, view, look at, see, find, look up, lookup, display, inspect, describe,
    details of, info about, what is, give me = get | return | list:0.7
list, all, every, which, enumerate, overview of, what are, any = list | return | all | get:0.5
wait, wait for, until, till, hold, block until, sense, poll, when done, is done, has finished, is finished,
    has ended, is ready, to finish, to complete, completes, completed, is complete = wait
test, try, try out, simulate, dry run, check out = preview | test | validate
check, verify, validate, confirm, make sure, ensure = verify | validate | test | get:0.5 | wait:0.3
preview, what would happen, without sending, before sending, what if, rehearse = preview
send, deliver, ship, emit, stream, feed, move, transfer, export, copy, load, ingest, forward = send
sync, synchronise, synchronize = sync
load = load | sync | send
backfill, load history, history, historical, bulk, millions, batch, last year, archive, replay, old events,
    past events, mass = batch events
invite, onboard = invite
give, grant, allow, let, permit, hand = give add permissions
revoke, take back, take rights, take admin, take access, withdraw = replace permissions | remove permissions
split, chunk, cut, partition, shard, divide, parallel, parallelise, parallelize, several workers, fan out =
    partition parts | parts
combine, gather, collect, put together, merge reports, summarise, summarize, fan in = gather reports
notify, alert, tell, inform, report failure = notifier
download = download
merge, identity, unify, stitch = alias | links
record, log, capture = records track | records
roll = restore
"""
"""What is to be done."""

QUESTIONS = """
who is in, who belongs to, members of, people in = list users
left the company, left us, leaver, leavers, ex employee, former employee = delete users workspace
what uses, who uses, where is, used where, where used = consumers uses
how many, how much, number of, count, counts, amount, statistics, stats = count | volume | usage
who changed, who did, who deleted, who made, who created, who edited, who broke, who turned, who disabled,
    who set, who removed, who added, who updated, audit, audit log, audit trail, changelog, change log,
    history of changes, recent changes, what changed, activity log = audit events changed
what is wrong, what hurts, problems, defects, governance, health check, health report, unused, stale, silent,
    dead = hurts audit
who = users | audit:0.5
why, reason, what went wrong, diagnose, debug, explain = verify | failed | filtered | audit:0.4
dropped, lost, missing, disappeared, gone, vanish, went, discarded = filtered | failed | verify | rejected
not arrive, not arriving, do not arrive, did not arrive, never arrived, not arrived, not delivered, not
    reach, do not reach, not received, undelivered, delivery failed, failing deliveries = failed egress
    delivered | verify
arrive, arrived, reached, received = received | arrived | delivered
refused, rejected, invalid, malformed, bad = rejected failed ingress | rejected
blocked = filtered | suppress
status, state, progress, health = status | state | get
ready, live, computed, finished = wait | computed
size, big, large, reach = size | large
cost, price, bill, billing, pay, invoice, quota, allowance, expensive, paying = usage mtu | usage
yesterday, last week, today, this month, per day, daily = day:0.6
depend, depends, depend on, uses, used by, use, consumer, consumers, refer, using = consumers | uses
"""
"""How much, who, why, when."""

THINGS = """
event spec, event specs, event schema, data contract, data dictionary, taxonomy, plan, data plan, event
    plan, spec, protocols = tracking plan
schema of events, allowed events, planned events = rules tracking plan
schema = tracking plan | schema
unplanned, unexpected, unknown events, unknown = schema settings know unplanned
violations, violation = schema settings | tracking plan:0.5
event definition, event definitions, event rule, rule, rules = rules
gdpr, ccpa, right to be forgotten, privacy, forget, personal data, pii, data subject, dsar, deletion
    request, deletion requests, delete request, erasure, right to erasure, delete user data, delete data =
    regulation delete users data | delete users data | regulation delete suppress
never track, do not track, opt out, optout, suppress, never collect, stop tracking, stop collecting, do not
    collect, block a user, blocklist, blacklist, block user, blocked users = suppress | suppressions
unsubscribe, subscribe, opt in, email consent, consent, newsletter, marketing emails, mailing = messaging
    subscriptions
team member, team members, teammate, teammates, member, members, colleague, colleagues, employee, employees,
    coworker, coworkers, staff, admin, admins, person with access, people with access, somebody, someone =
    user | users
team, teams, department = group | user group
mapping, mappings, field mapping = subscription | mapping
reverse etl, retl, rev etl, etl = reverse etl
etl sync, etl job, warehouse to destination = reverse etl sync
api key, api keys, writekey, key, sdk key, tracking key, ingest key = write key
dead letter, dead letters, reject, rejects, quarantine = batch events rejects
db, database, databases, data warehouse, dwh, snowflake, bigquery, big query, redshift, databricks,
    postgres, postgresql, data lake, azure synapse, synapse, warehouses = warehouse
pixel, integration, integrations, connector, tool, tools, facebook, meta, google ads, google analytics, ga4,
    amplitude, mixpanel, braze, hubspot, salesforce, slack, intercom, klaviyo, iterable, tiktok, marketo,
    zendesk, customer.io, customerio, webhook, downstream, partner, endpoint of events, output, sink,
    linkedin, snapchat, twitter, adwords, optimizely, appsflyer, adjust, firebase, s3 destination,
    destinations = destination
website, site, app, input, origin, emitter, sdk, javascript source, tracker, data source = source
connectors, available integrations, marketplace, what can be connected, settings needed, needs, need =
    catalog
settings does, settings of a connector, options does, which settings, what settings = catalog settings
cohort, cohorts, segment of users, segments, user list, customer list, target group, people who = audience
computed, calculated, derived, lifetime value, ltv, metric, metrics per user, aggregate = computed trait
attribute, attributes, user property, user properties = traits
customer, person, people, contact, visitor, customer 360, individual = profile | user
by email, e mail, email = profile:0.6 traits:0.6
customer's, user's history, timeline = profile events
identifiers, identity graph, id graph, external id, ids of = external ids
account, accounts, company, companies = links | group
engage, unify, personas, workspace space = space
tag, tags, tagging, mark = label
role, right, rights, access level, access = permissions | role
read only, readonly, viewer, editor = permissions
invitation, invitations, pending = invites
password, passwords, secret, secrets, login = credential
custom code, code, script, lambda, snippet, my code = function code | function
before events reach, in front of = insert function instance | filter
function of destination, insert = insert function
mobile plugin, javascript, mobile app, mobile = live plugin
rename an event, rename events, rename a property, reshape, modify events, hash, alter events = create
    transformation
on its way, in flight, transform, transforms = transformation
block events, drop events, keep out, exclude events, allowlist events, discard events, throw away events =
    create filter
bots, test users, internal traffic, spam = filter:0.6
column, columns, field, fields, table, tables, collection, collections = selective sync
mau, mtu, monthly active users, monthly users, active users, tracked users, unique users = mtu usage |
    monthly tracked users
api usage, api calls, calls, throughput = api calls usage
request, requests = request
endpoint, no operator, any call, raw call, custom request, custom endpoint, generic, http, rest = request
    endpoints
file, files, csv, parquet, json, jsonl, s3, gcs, avro, bucket, object storage = batch events path | path
sql, query, rows, select statement, table rows = sql query | query rows
dbt = dbt
purchase, order, click, sign up, signup, action of a user, conversion = track
page view, pageview = page
screen view, screenview = screen
user traits, properties of a user, user profile = identify | profile traits
anonymous = alias | anonymous
dag fails, failure of a dag, callback, on failure, task fails = notifier
start a dag, trigger a dag, dag starts, asset event, event driven, asset watcher = emits asset trigger
latency, delay, late = delivery metrics
example, sample = sample
logs, log file = audit
clone, duplicate = create
ads = destination:0.5
suppressed = suppressions
insight, insights = customer insights
when did, last sync, last time = syncs latest
reachable, reach our, can reach, connectivity, working, works, ping, up = connection test state
"""
"""What it is about."""

MEANINGS = f"{ACTIONS}{QUESTIONS}{THINGS}"

STOP = """
a about after again airflow also am an and any anyone anything are as at be been being but by can could dag
did do does doing done each every everything everywhere for from had has have having he her hers him his how
i if in into is it its itself just kind know like lot may me might mine more most much must my myself need
needs of off on one only operator operators or other our ours out over own please possible same segment
should so some something such task than that the their them then there these they thing things this those
through to too under up us use using want wants was way we were what when where whether which while who whom
why will with within would yet you your yours
"""
"""Words that say nothing, unless they are part of a line above."""
