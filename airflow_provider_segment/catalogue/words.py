"""What people call things, and what Segment calls them.

Each line has words of people, and what is meant by them in Segment's words: after ``|`` comes another thing
that may be meant. ``:0.5`` is what a meaning counts, compared with the others.
"""

from __future__ import annotations

ACTIONS = """
create, make, new, set up, setup, provision, register, define, build, introduce, start using = create | add
add, append, attach, link, hook up, plug in, wire, associate, assign = add | create | connect
connect = connect | create | add
put, move = add | create | set | replace
store, save, keep = store | create
write = create | update
upload, import, push = send | replace | create | update
delete, erase, wipe, get rid of, destroy, purge, discard, drop, clean up, tear down, retire = delete |
    remove
remove, take away, throw out, kick out, kick, off board, offboard, strip, take out, throw away = delete |
    remove
detach, unlink, disconnect, unassign, dissociate, decouple, untie, unhook, unsync = remove | disconnect |
    delete
stop sending, stop loading, stop syncing, no longer send, no longer load, no longer sync, not send, not
    load, not sync, stop feeding, stop receiving, stop forwarding, stop going = remove | stop | disconnect |
    update selective sync:0.8
stop = remove | stop | disconnect | update enabled | cancel
cancel, abort, kill, interrupt = cancel | stop | delete:0.8
disable, turn off, switch off, deactivate, pause, suspend, mute, halt, freeze, snooze, turned off = update
    enabled | update switch | disable
enable, turn on, switch on, resume, reactivate, unpause, activate = update enabled | update switch
change, modify, edit, adjust, alter, configure, tweak, correct, fix, reconfigure, set, migrate = update |
    set | replace
rename, new name, change the name = update | rename
update = update | replace
overwrite, swap, exchange, substitute, replace = replace | update
refresh, recompute, recalculate, rerun, re run = run | execute
run, execute, start, launch, kick off, fire, force, trigger now, run now = run | execute | start
trigger = trigger | run | start
schedule, every night, every day, every hour, every week, nightly, hourly, daily at, cron, timetable =
    schedule
deploy, publish, release, ship to production, roll out = deploy | deployment
roll back, rollback, revert, undo, go back, former version, previous version, older version = restore
    version
rotate, renew, regenerate, without losing, without downtime, leaked, compromised, stolen = rotate | remove
show, get, fetch, read, retrieve, view, look at, see, find, look up, lookup, display, inspect, describe,
    details of, info about, information about, give me = get | list:0.8
list, which, enumerate, overview of, what are, exist, exists, do we have, past = list | get:0.6
all, every, any = list:0.6
wait, wait for, until, till, hold, block until, sense, sensor, poll, when done, is done, be done, finished,
    is finished, has ended, has finished, is ready, to finish, to complete, completes, completed, be
    complete, is complete, finish, ended, up to date, arrived yet = wait | waits
before we send, before i send, before you send, before it is sent, before they are sent, before anything is
    sent, must match = preview events
try, try out, simulate, dry run, rehearse, without sending, before sending, what if, would happen, what
    would = preview
test = test | preview | validate
check, verify, validate, confirm, make sure, ensure = verify | validate | test | state | get:0.5
preview = preview
send, deliver, ship, emit, stream, feed, transfer, export, copy, ingest, forward, transmit = send
go to, goes to, going to, flow to, sent to = send | destination:0.5
sync, synchronise, synchronize, synced, synchronized = sync
load, loaded, loading = load | sync | send:0.8
into segment, to segment, in segment = send events
history of = list statuses | list | events
history = list:0.8 | batch events:0.7
backfill, load history, historical, bulk, millions, million, batch, last year, archive, replay, old events,
    past events, mass, many events = batch events
new user, add user to workspace, new member, new team member, new colleague, new employee = create invites
invite, onboard = invites | create invites
give, grant, allow, let, permit, hand out, give access = add permissions
revoke, take back, take rights, take admin, withdraw, downgrade = replace permissions | remove permissions
split, chunk, cut, partition, shard, divide, parallel, parallelise, parallelize, several workers, many
    workers, fan out = partition parts
combine, gather, put together, merge reports, summarise, summarize, fan in = gather reports
notify, alert, tell segment, report failure = notifier
download = download
merge, stitch, same person = alias | links
record, log, capture, track = track | records
subscribe, unsubscribe, opt in, email consent, newsletter, marketing emails, mailing, preferences,
    preference = messaging subscriptions
"""
"""What is to be done."""

QUESTIONS = """
who is in, who belongs to, members of, people in = list users
who has access, has access, have access, can access, allowed to, access to the workspace, may do = users
    permissions | get user
left the company, left us, leaver, leavers, ex employee, former employee = delete users workspace
what uses, who uses, used where, where used, depend, depends, depend on, consumer, consumers = consumers |
    uses
how many events, number of events, event counts, event count, count events, events count, event volume,
    traffic = events volume
how many, how much, number of, count, counts, amount, statistics, stats = volume | count | usage | size |
    get
who changed, who did, who deleted, who made, who created, who edited, who broke, who turned, who disabled,
    who set, who removed, who added, who updated, who switched, who modified, who touched, who paused, who
    enabled, who connected, who disconnected, who renamed, audit, audit log, audit trail, changelog, change
    log, log of changes, history of changes, recent changes, what changed, activity log, what happened =
    audit events changed
what is wrong, what hurts, problems, defects, governance, health check, health report, unused, stale,
    silent, dead = hurts audit
somebody changed, someone changed, somebody deleted, someone deleted, somebody turned, someone turned, who
    was it = audit events changed
who = users | audit:0.5
why, reason, what went wrong, diagnose, troubleshoot = failed | filtered | verify
dropped, lost, missing, disappeared, gone, vanish, lose, loss = filtered | verify | failed | rejected
not arrive, not arriving, never arrived, not arrived, not delivered, not reach, not received, undelivered,
    delivery failed, failing deliveries, failed delivery, not show up, delivery errors = failed egress
    delivered | verify
made it, make it to, got through, all arrived, events arrived, whether all, did all, anything lost, nothing
    lost = verify events arrived
arrive, arrived, reached, delivered = delivered | arrived | delivery
received, got, get events = received | volume
refused, rejected, invalid, malformed, bad, ingest errors = rejected failed ingress | rejected
blocked by schema, blocked by tracking plan, blocked by plan = filtered source count events
filtered out, were filtered, was filtered, events filtered, get filtered = filtered count events
blocked = suppress | filtered
send nothing, sends nothing, no events, zero events, without events, no traffic = silent | volume events
status, state, progress, health, succeed, succeeded, success, successful, fail = status | syncs | state |
    get
failed = failed | status
ready, live, computed = wait | computed
size, big, large, reach = size | large
cost, price, bill, billing, pay, invoice, quota, allowance, expensive, paying, usage, limit = usage mtu |
    usage
first seen, last seen, created at, when was, since when = created changed metadata | get
when = schedule:0.6 | latest:0.6 | created:0.4
when did, last sync, last time, last night, latest, newest = syncs latest | latest
latency, delay, late, slow, lag = delivery metrics
working, works, reachable, reach our, can reach, connectivity, ping, up, alive = connection state test
valid = workspace:0.6 | validation
"""
"""How much, who, why, when."""

THINGS = """
event spec, event specs, event schema, data contract, data contracts, data dictionary, taxonomy, plan,
    plans, data plan, event plan, spec, protocols, tracking spec = tracking plan
event from plan, event from spec, event from tracking plan, events from plan, events from tracking plan,
    event to plan, event to tracking plan, event to spec, events to plan, events to tracking plan, events to
    spec, event in plan, event in tracking plan, events in tracking plan, event out of plan, event out of
    tracking plan = rules tracking plan
events against plan, events against tracking plan, events against spec, events against schema = preview
    events tracking plan
schema of events, allowed events, planned events, add events to, events in the plan, event definition, event
    definitions, rule, rules, event rule = rules tracking plan
schema = tracking plan | schema
unplanned, unexpected, unknown events, violations, violation, violate, violates, violating, not in the plan,
    not in tracking plan, not planned, not in spec, non conforming = schema settings know
delete user, delete users, erase user, remove user data, delete customer, erase customer, delete person,
    erase person, forget user, forget customer, wipe user, wipe customer = regulation delete users data |
    delete users
user was erased, user was deleted, users were deleted, users were erased, customer was deleted, customer was
    erased = regulation status | regulations
gdpr, ccpa, right to be forgotten, privacy, forget, personal data, data subject, dsar, deletion request,
    data deletion, deletion requests, delete request, erasure, right to erasure, delete user data, delete
    data, delete customer data, deletion = regulation delete users data | delete users data | regulation
pii = regulation delete users data:0.6
never track, not track, opt out, optout, suppress, never collect, stop tracking, stop collecting, not
    collect, block a user, blocklist, blacklist, block user = regulation suppress users | suppressions
suppressed, blocked users, suppression list = suppressions
team member, team members, teammate, teammates, member, members, colleague, colleagues, employee, employees,
    coworker, coworkers, staff, admin, admins, people with access, somebody, someone = user
groups user is in, groups of user, which groups is, user is in = list user groups from user
user group, user groups, group of users, groups of users = user group
team, teams, department, departments = user group
actions does destination, destination actions, actions of destination = destination metadata
mapping, mappings, field mapping, field mappings = subscription | mapping
reverse etl, retl, rev etl, etl, warehouse to destination = reverse etl
api key, api keys, writekey, key, keys, sdk key, tracking key, ingest key, write key, write keys = write key
    | settings:0.4
dead letter, dead letters, reject, rejects, quarantine = batch events rejects
db, database, databases, data warehouse, dwh, snowflake, bigquery, big query, redshift, databricks,
    postgres, postgresql, data lake, azure synapse, synapse, warehouse, warehouses = warehouse
from snowflake, from bigquery, from redshift, from databricks, out of warehouse = reverse etl | sql query
    rows
mysql, mariadb, sqlite, oracle, sql server, clickhouse, duckdb, sql, query, queries, rows, select statement,
    table rows = sql query rows | query rows
sources connected, connected sources, sources attached, sources linked, sources loaded = list connected
    sources
destinations connected, connected destinations, destinations attached, destinations linked = list connected
    destinations
warehouses connected, connected warehouses = list connected warehouses
pixel, integration, integrations, connector, tool, tools, facebook, meta, google ads, google analytics, ga4,
    amplitude, mixpanel, braze, hubspot, salesforce, slack, intercom, klaviyo, iterable, tiktok, marketo,
    zendesk, customer.io, customerio, webhook, downstream, partner, output, sink, linkedin, snapchat,
    twitter, adwords, optimizely, appsflyer, firebase, destinations, ads, crm, ad platform, destination =
    destination
website, site, app, input, origin, emitter, sdk, tracker, data source, source, sources = source
connectors, available integrations, marketplace, can be connected, settings needed, what settings, which
    settings, settings does, options does, available, supported, supports = catalog
type of, kinds of, types of, warehouse type, destination type, source type, what kinds = metadata | catalog
test the api, test request, echo, ping the api, test the connection to segment = echo
cohort, cohorts, segment of users, user segment, user segments, segment of customers, customer segment,
    customer segments, user list, customer list, target group, people who, audience, audiences, spenders =
    audience
supported destinations, destinations can audiences, audiences can, can audiences = supported destinations
computed, calculated, derived, lifetime value, ltv, aggregate, compute, computed trait, calculated trait =
    computed trait
attribute, attributes, user property, user properties = traits
customer, customers, person, people, contact, visitor, visitors, individual, profile, profiles = profile |
    users data:0.9 | users
email preferences, communication preferences, sms, push notifications, whatsapp = messaging subscriptions
user profile, user profiles, customer profile = profile
by email, e mail, email = profile traits
user do, user did, user done, customer do, customer did, person do, timeline, events of one customer, events
    of a customer, events of a user, events of one user = profile events
identifiers, identity graph, id graph, external id, external ids, ids of, all ids = external ids
account, accounts, company, companies, belongs to, belong to = links | group
engage, unify, personas = space
tag, tags, tagging, mark = label
role, roles = role | permissions
right, rights, access level, access, permission, permissions = permissions
read only, readonly, viewer, editor = permissions
invitation, invitations, pending, invited, accepted = invites
password, passwords, secret, secrets, login = credential | settings:0.5
custom code, code, script, lambda, snippet, my code = function code | function
before events reach, before they reach, in front of = filter create | insert function instance
insert = insert function instance
mobile plugin, javascript, mobile app = live plugin
mobile = live plugin:0.6
rename an event, rename events, rename a property, reshape, modify events, hash, alter events, mask,
    anonymise, anonymize = create transformation
on its way, in flight, transform, transforms, transformation = transformation
only want, want only, only some, only certain, only send, only these = create filter
block events, drop events, keep out, exclude events, allowlist events, discard events, throw away events,
    sample events, not send events = create filter
filter, filters = filter
bots, test users, internal traffic, spam, internal users = filter
column, columns, field, fields, table, tables, collection, collections, exclude, include = selective sync
mau, mtu, monthly active users, monthly users, active users, tracked users, unique users = mtu usage
api usage, api calls, throughput = api calls usage
endpoint, no operator, any call, raw call, call any, call an, custom request, custom endpoint, generic,
    http, rest, any endpoint = request endpoints
file, files, csv, parquet, json, jsonl, s3, gcs, avro, bucket, object storage = batch events path
my file, this file, the file = events path
purchase, click, sign up, signup, action of a user, conversion, one event, single event, an event = track
page view, pageview, page views, pageviews = page
screen view, screenview, screen views = screen
user traits, properties of a user, set traits = identify | profile traits
two ids, join ids, link ids, former id, old id = alias ties
anonymous = alias | anonymous
dag fails, dag failure, failure of a dag, callback, on failure, task fails, task failure, failed dag =
    notifier
start a dag, trigger a dag, run a dag, dag starts, run dag, trigger dag, start dag, asset event, event
    driven, asset watcher = emits asset trigger
example, examples, sample = sample
logs, log file = audit
insight, insights = customer insights
token = workspace token
"""
"""What it is about."""

MEANINGS = f"{ACTIONS}{QUESTIONS}{THINGS}"

ARTICLES = "a an the this that these those my our your their its his her some"
"""Words that are left out everywhere, also inside the phrases above."""

STOP = """
a about actually after again airflow all already also always am an and any anyone anything are as at
automatically be been before being best both but by can cannot completely correctly could currently dag did
do does doing done each easily else entirely ever everybody everyone everything everywhere for from fully
further had has have having he her here hers him his how i if in into is it its itself just kind know like
look lot may me might mine more most much must my myself necessary need never no not now of off ok old on
once one only onto operator operators or other our ours out over own per please possible properly quickly
really same seem segment shall she should simply so some somehow something soon still such take task than
thank that the their them then there these they thing things this those through to today tomorrow too
totally twilio under up us use used using usually via want wants was way we well were what whatever when
where whether which while who whole whom whose why will with within without work would yesterday yet you
your yours
"""
"""Words that say nothing, unless they are part of a line above."""
