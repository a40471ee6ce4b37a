--- The webhook engine that programs embed: subscriptions, events, a Lua rule per
--- subscription, signed delivery with retries, and a record of what was done.
---
---     local webhook = require "webhook"
---     local hooks <close> = assert(webhook.open "orders.db")
---     hooks:subscribe { url = "https://example.com/hooks", events = { "order.*" } }
---     hooks:publish("order.paid", { id = 7 })
---     hooks:run()
---
--- A call that is wrong as written (a number for a text, an unknown option, a closed
--- engine) raises. What depends on data or on the world returns nil, a sentence, the
--- code's name ("invalid", "not_found", "full", …; webhook.h has the table) and a table of
--- what a program would look for in the sentence, a webhook.failure; it has changed nothing.
--- Times are milliseconds since 1970 in UTC, or texts as records have them and as SQLite's CURRENT_TIMESTAMP
--- is: "2026-11-21T10:00:00.000Z", "2026-11-21 10:00:00". Durations are milliseconds. A name may say seconds.

-- Before the C part, which an older Lua cannot even load: it would say that a symbol is undefined. LuaJIT says
-- 5.1 of itself.
if tonumber(_VERSION:match "%d+%.%d+") < 5.4 then
  error(("webhook needs Lua 5.4 or a later one, and this is %s: a C module cannot be for both"):format(jit and jit.version or _VERSION), 0)
end
local core = require "webhook.core"

---@alias webhook.time integer|string from 1973-03-03, since what is smaller are seconds, to the year 9999
---@alias webhook.code string the name of an error code: "invalid", "not_found", "store", …
---@class webhook.failure the fourth value of each failure; what does not apply is absent
---@field field? string the argument, option or member that is wrong: "type", "payload.items[2]", "headers.X-Env"
---@field index? integer which event of a batch, or which item of the field where that is a list; from 1
---@field line? integer of the rule's source
---@field reason? string the sentence without field, index and line in front

---@alias webhook.payload any a value that JSON has, or webhook.raw(text); a string that holds a JSON object or array is refused

---@class webhook.limits everything is an integer; what is absent or 0 has its default
---@field payload_bytes? integer one event's payload; 1048576
---@field json_depth? integer nesting of arrays and objects; 64
---@field batch_events? integer events in one publish_batch; 10000
---@field rule_source_bytes? integer one rule's source; 65536
---@field rule_memory_bytes? integer memory of one rule; 8388608
---@field rule_cpu_ms? integer CPU time of one run of a rule; 50
---@field rule_failures? integer failures of a rule in a row, then its subscription is disabled; 100
---@field response_read_bytes? integer read of one response; 65536
---@field response_kept_bytes? integer kept of one response; 4096
---@field response_header_bytes? integer headers of one response; 16384
---@field subscription_bytes? integer one subscription's document; 262144
---@field subscriptions? integer subscriptions of one store; 1000000
---@field page_items? integer items of one page of a list; 1000
---@field memory_bytes? integer payloads kept in memory between accept and first attempt; 67108864
---@field in_flight? integer requests at once of one worker; half of connections, or 1024
---@field connections? integer connections of one worker, idle ones included; by files and memory
---@field rules_bytes? integer compiled rules kept by one thread; 67108864

---@class webhook.options
---@field durability? "full"|"normal" "full" (default): on the disk before a call returns; "normal": a power cut may lose the last commits
---@field limits? webhook.limits
---@field allow? string[]|string address ranges that are delivered to although the policy refuses them: "127.0.0.1", "10.1.0.0/16"
---@field files? string[]|string folders in which a subscription may write a database ("sqlite:/path"), and no folder of the store's; none by default
---@field connect_timeout? integer ms, 5000
---@field timeout? integer ms for a whole attempt, 15000
---@field retain? integer ms that a delivered event is kept: for all processes, unless the store says something already; see settings
---@field retain_failed? integer the same of an event with a failed delivery
---@field disable_after? integer ms of nothing but failures that disable a subscription, 5 days
---@field user_agent? string
---@field ca_file? string PEM bundle; default: the system's
---@field transport? "auto"|"libcurl" "auto" by default: HTTP/1.1 of the engine's own over libcurl's connections, and libcurl for what is out of the ordinary; "libcurl": that for everything
---@field proxy? string by which deliveries leave whose subscription has none: "http://10.0.0.1:3128", or the object of a subscription's proxy as JSON; none by default, whatever the environment says
---@field log? fun(level: "error"|"warning"|"info"|"debug", line: string, record: webhook.log_record) called inside your own step, run, start, stop, idle and close, never from another thread; its errors become Lua warnings. Up to 1000 lines wait for that
---@field log_level? "error"|"warning"|"info"|"debug" the last that is said, "info"; "debug" tells of each attempt
---@field key_file? string keys that encrypt the secrets in the store, one a line: see store_key and rotate_key; nil: they are in clear
---@field clock? webhook.clock instead of the machine's
---@field rules? boolean false: subscriptions with a rule are refused

---@class webhook.log_record a line's parts: beside these what it is about, by names: subscription, event, status, failures, error, …
---@field message string the same words each time
---@field time integer ms since 1970

---@class webhook.subscription what is marked "engine" is written by the engine and ignored on input
---@field id? string engine
---@field url? string http or https, no user info; a database: "postgresql://user:password@host/name", "sqlite:/path"; or a queue: "amqp://user:password@host/vhost?queue=name", "redis://user:password@host/0?stream=name", "nats://user:password@host/subject", "kafka://user:password@host/topic"
---@field database? { schema?: string, prefix?: string, create?: "full"|"add"|"never", removes?: boolean, times?: boolean, check?: boolean } how a database is written to; see core/docs/delivery.md
---@field also? { url: string, database?: table } a database or a queue that gets all of it besides, with deliveries, retries and a health of its own; what is read has its id, disabled, health and what waits, too
---@field events? string[] "order.paid", "*", "prefix.*", "prefix:*"; none means all
---@field tenant? string only events of this tenant
---@field name? string
---@field rule? string Lua source
---@field fields? string what to keep of the payload: "id,customer.email,items(sku,price)"
---@field filters? table<string, any> paths that must have this value
---@field on_rule_error? "hold"|"skip"|"send"
---@field headers? table<string, string> sent with each request
---@field metadata? table for you and for rules
---@field paused? boolean|"hold"|"drop" true: events are not taken; "hold": they wait, and go out when it is resumed. true leaves one that holds as it is, "drop" does not
---@field secrets? string[] each signs; in the answers of subscribe and secrets alone
---@field public_keys? string[] engine; in the answers of subscribe and secrets alone
---@field retry? integer[]|{ events?: string[], delays?: integer[], within?: integer }[] ms before each attempt; or lists by type, the first for a type counts; within: seconds
---@field retry_on? (integer|"network"|"timeout"|"3xx"|"4xx"|"5xx")[] what is tried again; all else is given up at once
---@field jitter? integer percent of a delay that chance adds at most, 10
---@field retry_budget? integer percent: so many retries at most for each hundred deliveries
---@field breaker? { failures?: integer, least?: integer, window?: integer, pause?: integer, longest?: integer } {}: the defaults, 50 percent of 10 attempts within 60 s, a probe after 10 s, then at most each 600
---@field timeout? integer ms for a whole attempt
---@field timeouts? { connect?: integer, answer?: integer } ms for connecting, and until the first byte of the answer
---@field concurrency? integer requests at once, 1 to 1000
---@field rate? webhook.rate
---@field insecure? boolean true: the receiver's certificate is not checked
---@field http2? boolean
---@field auth? webhook.auth how its receiver is logged in to; secrets in it are "********" in answers, and stay where that is written back
---@field tls? { certificate?: string, key?: string, ca?: string, pin?: string } PEM: shown to a receiver that asks, and whom to trust; "sha256//…" of its key
---@field proxy? { url: string, username?: string, password?: string } by which its requests leave: http, https, socks5
---@field content_type? string "application/json" by default
---@field signature? webhook.form|"github"|"shopify"|"slack"|"stripe"|"svix" how requests are signed in place of Standard Webhooks
---@field compress? "gzip" bodies of 1024 bytes or more; signed as they are when unpacked
---@field source? string only events of this source
---@field order? "none"|"fifo"|"key"|"latest"
---@field single_use? boolean takes one event, and is deleted when that is delivered or exhausted
---@field expires_at? webhook.time events accepted from then on are not taken
---@field profile? "standard"|"unified"|"truto"|"callfire" body, headers, signature and retry list of what is sent
---@field encoding? "hex"|"base64" the digest in signatures of "unified" and "truto"
---@field data? "exact" "unified" sends the payload's own bytes, and not as JSON.stringify writes them
---@field details? table what a profile keeps of its own
---@field poll? { type: string, interval?: integer, limit?: integer, history?: boolean } gets what a source lists, every interval (ms)
---@field version? integer engine
---@field disabled? string engine; why it is switched off: "gone", "failing", "rule", "used"
---@field created_at? string engine
---@field updated_at? string engine
---@field health? "healthy"|"failing"|"disabled" engine; how its receiver answers
---@field failing_since? string engine
---@field last_success_at? string engine; kept once in 15 minutes at most
---@field last_failure_at? string engine
---@field last_error? string engine; of the last failure, kept when it has recovered
---@field probe_at? string engine; its breaker is open, and the next probe goes then
---@field waiting? integer engine; deliveries that wait, counted to 100000, in a list to 1000 for each
---@field oldest_waiting_at? string engine; when the oldest event of those was accepted
---@field polled? table engine; how its source is read: checked_at, next_at, lag, failures, healthy, suspicious, runs

---@class webhook.form with {id}, {timestamp}, {type}, {url}, {body}, {signature}, {signatures} in its texts; see webhook_sign.h
---@field digest? "sha256"|"sha1"|"sha512"
---@field encoding? "hex"|"base64"
---@field key? "text"|"base64" what a secret is
---@field signed string "{timestamp}.{body}"
---@field headers table<string, string> { ["Stripe-Signature"] = "t={timestamp},{signatures}" }
---@field each? string "v1={signature}"
---@field between? string ","

---@class webhook.auth
---@field type "basic"|"bearer"|"headers"|"oauth2"
---@field username? string of basic
---@field password? string
---@field token? string of bearer
---@field headers? table<string, string> of headers: up to 10
---@field token_url? string of oauth2: client credentials
---@field client_id? string
---@field client_secret? string
---@field scope? string
---@field audience? string
---@field client_in? "header"|"body"

---@class webhook.fetched
---@field items { event: string, delivery: string, type: string, headers: table<string, string>, body: string }[]
---@field cursor? string acknowledges them when it is given the next time; nil: there are none

---@class webhook.event
---@field id string
---@field type string
---@field tenant string "" for none
---@field source? string
---@field key? string
---@field time? string
---@field accepted_at string
---@field pending boolean|integer
---@field payload? any in the answer of event() alone

---@class webhook.delivery
---@field id string
---@field event string
---@field subscription string
---@field type string
---@field version integer the subscription's version that made the bytes
---@field state "waiting"|"delivered"|"exhausted"|"held"|"cancelled"
---@field attempts integer
---@field created_at string
---@field due_at? string
---@field updated_at string
---@field status? integer the last answer's HTTP status
---@field error? string
---@field key? string
---@field headers? table<string, string> those of the rule

---@class webhook.attempt
---@field delivery string
---@field n integer
---@field at string
---@field duration_ms number
---@field status? integer
---@field code? string
---@field error? string
---@field response? string

---@class webhook.query what is absent does not restrict
---@field tenant? string subscriptions, events, deliveries
---@field subscription? string deliveries: a subscription's id
---@field event? string deliveries: an event's id
---@field type? string events: the exact type
---@field state? string deliveries: a delivery's state; subscriptions: "enabled", "paused", "disabled", "healthy", "failing"
---@field since? webhook.time events, deliveries: by the event's time of acceptance
---@field until? webhook.time write ["until"], since Lua has the word for itself
---@field limit? integer items of a page, 100
---@field cursor? string the `next` of the page before
---@field own? boolean events, deliveries: true: those of the engine's own ("webhook.*"), too

---@class webhook.page
---@field items table[]
---@field next? string

---@class webhook.event_options
---@field id? string idempotency key: 1 to 64 of A-Z a-z 0-9 . _ : -
---@field tenant? string
---@field source? string where it comes from, for subscriptions of one source
---@field key? string what it is about, for subscriptions with an order
---@field time? webhook.time default now

---@class webhook.publish_options: webhook.event_options
---@field async? fun(receipt: webhook.receipt?, message: string?, code: webhook.code?) publish does not wait for the disk but returns true; this is called inside a later step or run, or close, with the receipt of a durable event or with nil, a sentence and a code. Its errors are raised by that step, run or close, the first of several; the others become Lua warnings. The engine is kept alive until then. Not beside start

---@class webhook.batch_event: webhook.event_options
---@field type string
---@field payload webhook.payload

---@class webhook.receipt
---@field id string
---@field duplicate boolean true: the id was published before, and the first one stands

---@class webhook.token
---@field id string "tok_…"
---@field tenant? string absent: an operator's, which reaches all tenants
---@field name string
---@field created_at string
---@field expires_at? string absent: it has no end
---@field expired boolean true: it is refused

---@class webhook.stats counts and failures of this engine since it was opened, rates per second; the store counts to 100000 of each
---@field version string
---@field opened_at string
---@field counts { events: integer, attempts: integer, delivered: integer, failed: integer, exhausted: integer, rule_failures: integer, failing: integer, recovered: integer, disabled: integer }
---@field failures { network: integer, remote: integer, refused: integer, other: integer }
---@field rates { events: number, attempts: number, delivered: number, failed: number }
---@field work { under_way: integer, events_in_memory: integer, payload_bytes_in_memory: integer, waiting_for_rate: integer, breakers_open: integer }
---@field store { subscriptions: integer, failing: integer, disabled: integer, lagging: integer, unreadable: integer, over_budget: integer, waiting: integer, due: integer, oldest_waiting_at: any, held: integer, exhausted: integer, pending: boolean, outbox: boolean, lag_ms: integer, bytes: integer, log_bytes: integer }
---@field databases { url: string, rows: integer, set_aside: integer, batches: integer, rows_per_second: number, connections: integer, busy: integer, lag_ms: integer }[] those that this engine writes to
---@field backlogs { url: string, waiting: integer, oldest_waiting_at: string, lag_seconds: integer }[] databases and queues for which something waits in the store, that which waits longest first
---@field sources { tenant: string, object_type: string, connection: string, healthy: boolean, suspicious: boolean, refused: boolean, lag_seconds: integer, failures: integer, pages_waiting: integer, objects_held: integer, subscriptions: integer, checked_at: any }[] sources that are polled, the worst first
---@field worst { subscriptions: table[], tenants: table[] }

---@class webhook.settings what all processes of a store go by
---@field retain? integer|webhook.null ms that a delivered event is kept; webhook.null: the default, 7 days
---@field retain_failed? integer|webhook.null ms that an event with a failed delivery is kept; webhook.null: the default, 30 days
---@field payload_bytes? integer|webhook.null the limits of these names
---@field subscription_bytes? integer|webhook.null
---@field subscriptions? integer|webhook.null
---@field tenant_quota_events? integer|webhook.null events that a tenant may have stored, where it has no quota of its own; webhook.null: no bound
---@field tenant_quota_bytes? integer|webhook.null the same, of bytes
---@field tenant_cpu_ms? integer|webhook.null ms of each second that a process spends on deciding a tenant's events, where it has no budget of its own

---@class webhook.rate at most count requests in per seconds, after at most burst at once
---@field count integer
---@field per integer seconds
---@field burst? integer count by default

---@class webhook.tenant_limits what a tenant may have; webhook.null: as for all
---@field quota_events? integer|webhook.null
---@field quota_bytes? integer|webhook.null
---@field cpu_ms? integer|webhook.null ms of each second, in each process
---@field rate? webhook.rate|webhook.null requests of all of its subscriptions together; webhook.null: as many as there are

---@class webhook.tenant what a tenant has stored, and what it may have: no bound where that is absent
---@field tenant string
---@field events integer
---@field bytes integer of payloads, and of what rules have made of them
---@field quota_events? integer
---@field quota_bytes? integer
---@field cpu_ms? integer
---@field rate? webhook.rate

---@class webhook.raw JSON text that is sent as it is, byte for byte; tostring() gives it back

---@class webhook.clock a clock that stands until it is set; any number of engines may share it
---@field now fun(self: webhook.clock): integer
---@field set fun(self: webhook.clock, ms: integer): integer
---@field advance fun(self: webhook.clock, ms: integer): integer

---@class webhook.api_options
---@field open? boolean true: no token is asked for, everybody is an operator; for development
---@field metrics? boolean true: there is nothing but GET /v1/metrics and /v1/health, for everybody
---@field failures? integer failed logins of one peer in a minute, then 429; 20
---@field body_bytes? integer of one request; 8388608

---@class webhook.api_request
---@field method? string "GET"
---@field path? string as sent, percent-encoded; the query may stand behind a "?"
---@field query? string as sent
---@field headers? table<string, string|string[]>
---@field body? string
---@field peer? string the client's address, for counting failed logins
---@field tenant? string the caller has checked who this is: no token is looked at

---@class webhook.server_options
---@field address? string IPv4 or IPv6, "127.0.0.1"
---@field port? integer 0 (default): a free one
---@field threads? integer that answer, 16: as many publishes share a commit
---@field connections? integer at once, 1000
---@field address_connections? integer of one address; half of connections, or all with `forwarded`
---@field timeout? integer ms that a connection may be silent, 30000
---@field header_bytes? integer of one request, 32768
---@field forwarded? string header in which a trusted proxy puts the client's address, its last item

---@class webhook.server the HTTP API on a port; keeps its engine alive, and is stopped when that is closed
---@field port fun(self: webhook.server): integer
---@field stop fun(self: webhook.server, grace?: integer): boolean lets requests finish for up to grace ms (10000)

---@class webhook.pollable what cqueues polls; keeps its engine alive
---@field pollfd fun(self: webhook.pollable): integer
---@field events fun(self: webhook.pollable): string
---@field timeout fun(self: webhook.pollable): number? seconds

---@class webhook.explanation why a subscription got an event, or did not; webhook.h says what each outcome means
---@field subscription string
---@field outcome "later"|"tenant"|"source"|"poll"|"type"|"paused"|"disabled"|"expired"|"filtered"|"dropped"|"failed"|"waiting"|"delivered"|"exhausted"|"held"|"cancelled"|"pending"|"missed"
---@field version? integer the subscription's version that decided
---@field present? boolean true: that one is no longer kept, and the present one was asked
---@field reason? string of "disabled"
---@field expires_at? string of "expired"
---@field path? string of "filtered": the first filter that does not hold
---@field expected? any its value; absent for JSON's null
---@field found? any what the payload has there; absent for JSON's null and for nothing
---@field code? webhook.code of "failed"
---@field line? integer of "failed"
---@field message? string of "failed"
---@field delivery? string
---@field attempts? integer
---@field status? integer
---@field error? string
---@field cpu_us? integer what the rule took
---@field memory? integer bytes that the rule held at the highest
---@field bytes? integer what it would send

---@class webhook.explanations: webhook.page
---@field event string
---@field items webhook.explanation[]

---@class webhook.missed which of the stored events; absent: all
---@field since? webhook.time of acceptance
---@field until? webhook.time write ["until"]
---@field event? string one, by its id
---@field type? string
---@field dry_run? boolean true: counts alone
---@field own? boolean true: the engine's own events ("webhook.*"), too

---@class webhook.since from when on stored events are for a new subscription too: one of the first two
---@field since? webhook.time of acceptance
---@field event? string the first of them, by its id
---@field dry_run? boolean true: counts alone, and makes no subscription

---@class webhook.backtest a candidate: `document`, or some of the five fields after it
---@field subscription? string whose tenant, patterns and rule are compared with; absent: compared with sending everything
---@field document? webhook.subscription|webhook.raw what it names replaces what is in force
---@field rule? string
---@field fields? string
---@field filters? table<string, any>
---@field events? string[]
---@field metadata? table
---@field last? integer the last so many events, 1000
---@field since? webhook.time of acceptance
---@field until? webhook.time write ["until"]
---@field shown? integer differences and errors that are told in full, 10
---@field own? boolean true: the engine's own events ("webhook.*"), too
---@field progress? fun(done: integer, total: integer): boolean? called now and then; true cancels, and so does an error, which is then raised. It may not close the engine

---@class webhook.backtest_report
---@field events integer looked at
---@field matched { now: integer, ["then"]: integer } in force, and with the candidate
---@field sent { now: integer, ["then"]: integer }
---@field failed { now: integer, ["then"]: integer }
---@field bytes { now: integer, ["then"]: integer, saved: integer }
---@field cpu_us { now: integer, ["then"]: integer, worst: integer }
---@field memory { worst: integer }
---@field differ integer events with another outcome or body
---@field cancelled boolean
---@field differences { event: string, type: string, now: string, ["then"]: string, diff: string[] }[]
---@field errors { event: string, type: string, code: webhook.code, line?: integer, message: string }[]

---@class webhook.rule_result
---@field outcome "pass"|"project"|"drop"|"filtered"|"failed"
---@field body? string the very bytes that would be sent
---@field key? string
---@field headers? table<string, string>
---@field delay? integer ms
---@field path? string the filter that does not hold
---@field code? webhook.code of "failed"
---@field line? integer
---@field message? string
---@field cpu_us? integer
---@field memory? integer bytes at the highest

---@class webhook.rule_event what the rule sees as `event`
---@field id? string
---@field type? string "test"
---@field tenant? string
---@field source? string
---@field key? string
---@field time? webhook.time
---@field limits? webhook.limits of the rule

---@class webhook.source_document a document of an HTTP source, with masks for what is secret in it
---@field object_type string
---@field document table
---@field created_at string
---@field updated_at string

---@class webhook.source_trial what a test asks a source for
---@field tenant? string
---@field connection? string
---@field filters? table<string, string>
---@field fields? string
---@field changed_since? string|integer a time, or ms
---@field limit? integer
---@field page? string what the page before gave as next
---@field state? string
---@field subscription? string in place of all these: what its next reading would send; a webhook.source_preview is the answer

---@class webhook.source_preview what the next reading of a subscription's source would send; nothing is kept of it
---@field ok boolean
---@field code? webhook.code of what failed; what was read before it is told all the same
---@field error? string
---@field first boolean nothing is remembered yet: the reading will only remember
---@field suspicious boolean so much has vanished at once that nothing is told of it, unless it is confirmed
---@field held integer deletions that are not told for that
---@field complete boolean all pages were read; otherwise there is more than is shown, or it took too long
---@field pages integer
---@field objects integer
---@field skipped integer
---@field created integer
---@field updated integer
---@field deleted integer
---@field would_send { type: string, object: table }[] the first 100 of them
---@field more boolean there are others
---@field duration_ms integer

---@class webhook.source_page
---@field ok boolean
---@field code? webhook.code of what failed
---@field error? string
---@field refused boolean it is the right to read that is missing
---@field retry_after? integer ms that the API wants to be left alone
---@field unchanged boolean
---@field items table[]
---@field next? string
---@field state? string
---@field duration_ms integer

---@class webhook.source_query one page is wanted
---@field tenant string
---@field connection string "" for none
---@field object_type string
---@field filters? table<string, any> what the subscriptions want; the engine applies all of them itself, too
---@field fields? string
---@field changed_since? integer ms: only what changed then or later; nil: everything
---@field state? string what the last page of the last complete reading gave as state
---@field page? string nil: the first page; else what the page before gave as next
---@field limit integer most objects in a page

---@class webhook.source
---@field list fun(query: webhook.source_query): items: table[]|true|nil, next_page: string?, state: any a list of objects, each with an id, and the next page if there is one; true: nothing has changed; nil, a sentence and { retry_after = ms, refused = true }: it failed
---@field can? ("all"|"changes"|"deleted")[] { "all" }: whoever is missing from a complete list was deleted; "changes": lists what changed since a time, or since its state; "deleted": has objects with deleted = true
---@field filters? string[] names that it takes itself
---@field required? string[] of these, filters without which nothing can be listed: Unified.to's virtual webhooks that lack one are refused
---@field without? string[] members that say nothing of an object: when it was fetched, …
---@field full_every? integer ms between two complete lists of one that can tell changes
---@field tenants? string[] whose subscriptions it is for; without it all tenants'. Those without a tenant are your own
---@field connections? table<string, string> the connections that may be named, with the tenant of each ("": none)
---@field spawn? fun(f: function) runs a function as a coroutine of your loop: function(f) queue:wrap(f) end

--- An open store. Close it, or declare it <close>; the collector does it too late to rely on.
---@class webhook.engine
---@field close fun(self: webhook.engine): boolean stops the threads and waits for what is being written. Again is allowed
---@field publish fun(self: webhook.engine, type: string, payload: webhook.payload, options?: webhook.publish_options): id: string|true|nil, duplicate: boolean|string|nil, code: webhook.code?, failure: webhook.failure? blocks until the event is durable, unless options say async: then true
---@field publish_batch fun(self: webhook.engine, events: webhook.batch_event[]): receipts: webhook.receipt[]?, message: string?, code: webhook.code?, failure: webhook.failure? all or none, in one commit
---@field step fun(self: webhook.engine): count: integer?, message: string?, code: webhook.code?, failure: webhook.failure? does what can be done now, without waiting
---@field run fun(self: webhook.engine): ok: boolean?, message: string?, code: webhook.code?, failure: webhook.failure? blocks until nothing is due
---@field start fun(self: webhook.engine, threads?: integer): ok: boolean?, message: string?, code: webhook.code?, failure: webhook.failure? 1 to 64 threads do the work; once
---@field stop fun(self: webhook.engine, grace?: integer): ok: boolean?, message: string?, code: webhook.code?, failure: webhook.failure? blocks up to grace ms (10000) for what is in flight
---@field idle fun(self: webhook.engine): idle: boolean?, message: string?, code: webhook.code?, failure: webhook.failure? true when nothing is due
---@field fd fun(self: webhook.engine): integer a descriptor that becomes readable when step has something to do
---@field pollfd fun(self: webhook.engine): integer the same
---@field deadline fun(self: webhook.engine): integer? ms until step has something to do by the clock; nil: only fd tells. Ask after step
---@field timeout fun(self: webhook.engine): number? the same in seconds
---@field pollable fun(self: webhook.engine): webhook.pollable
---@field subscribe fun(self: webhook.engine, document: webhook.subscription, since?: webhook.since): subscription: webhook.subscription|integer?, message: string|integer?, code: webhook.code?, failure: webhook.failure? the answer has the secrets, which later ones have not. With since the second value is how many stored events it gets; with dry_run that number alone
---@field update fun(self: webhook.engine, id: string, document: webhook.subscription): subscription: webhook.subscription?, message: string?, code: webhook.code?, failure: webhook.failure? changes the fields that the document names, for events that are accepted from now on; webhook.null takes one back to its default
---@field subscription fun(self: webhook.engine, id: string, version?: integer): document: webhook.subscription?, message: string?, code: webhook.code?, failure: webhook.failure?
---@field delete fun(self: webhook.engine, id: string): ok: boolean?, message: string?, code: webhook.code?, failure: webhook.failure? what waits for it is dropped
---@field pause fun(self: webhook.engine, id: string, how?: "hold"|"drop"): ok: boolean?, message: string?, code: webhook.code?, failure: webhook.failure?
---@field resume fun(self: webhook.engine, id: string): ok: boolean?, message: string?, code: webhook.code?, failure: webhook.failure? also when the engine disabled it
---@field secrets fun(self: webhook.engine, id: string): secrets: { secrets: string[], public_keys: string[] }?, message: string?, code: webhook.code?, failure: webhook.failure?
---@field event fun(self: webhook.engine, id: string): event: webhook.event?, message: string?, code: webhook.code?, failure: webhook.failure?
---@field payload fun(self: webhook.engine, event: string): text: string?, message: string?, code: webhook.code?, failure: webhook.failure? an event's payload as it was published
---@field delivery fun(self: webhook.engine, id: string): delivery: webhook.delivery?, message: string?, code: webhook.code?, failure: webhook.failure?
---@field body fun(self: webhook.engine, delivery: string): body: string?, message: string?, code: webhook.code?, failure: webhook.failure? the exact bytes that it sends
---@field page fun(self: webhook.engine, kind: "subscriptions"|"events"|"deliveries"|"attempts", query?: webhook.query|string): page: webhook.page?, message: string?, code: webhook.code?, failure: webhook.failure? attempts take a delivery's id
---@field poll fun(self: webhook.engine, subscription: string, confirm?: boolean): ok: boolean?, message: string?, code: webhook.code?, failure: webhook.failure? its source is read now. confirm: what has vanished from it has been deleted, however much it is
---@field api fun(self: webhook.engine, options: webhook.api_options): ok: boolean?, message: string?, code: webhook.code?, failure: webhook.failure? how handle and serve shall answer; to be called before them
---@field handle fun(self: webhook.engine, request: webhook.api_request): status: integer?, headers: table<string, string>|string, body: string|webhook.code the HTTP API as a function, for a server of your own
---@field serve fun(self: webhook.engine, options?: webhook.server_options): server: webhook.server?, message: string?, code: webhook.code?, failure: webhook.failure? the HTTP API on a port, answered by threads; "invalid" where libmicrohttpd was missing when this was built
---@field add_token fun(self: webhook.engine, options: { tenant?: string, name?: string, expires_in?: integer }): token: string?, message: string?, code: webhook.code?, failure: webhook.failure? what a client of the HTTP API shows, "wht_…": to be read this once. Without a tenant it reaches all of them; expires_in: after so many ms it is refused
---@field tokens fun(self: webhook.engine, tenant?: string): tokens: webhook.token[]?, message: string?, code: webhook.code?, failure: webhook.failure?
---@field revoke_token fun(self: webhook.engine, id: string): ok: boolean?, message: string?, code: webhook.code?, failure: webhook.failure?
---@field tenant_secret fun(self: webhook.engine, tenant: string, secret?: string): secret: string?, message: string?, code: webhook.code?, failure: webhook.failure? signs for a tenant's subscriptions of the profile "unified"; made at first, or set
---@field stats fun(self: webhook.engine): stats: webhook.stats?, message: string?, code: webhook.code?, failure: webhook.failure? how it goes: counts since it was opened, what waits in the store, which subscriptions are the worst
---@field test_sink fun(self: webhook.engine, document: webhook.subscription): ok: true?, message: string?, code: webhook.code?, failure: webhook.failure? connects to the database or queue of its url, and asks whether all that is to be done is allowed
---@field settings fun(self: webhook.engine, changes?: webhook.settings): settings: webhook.settings?, message: string?, code: webhook.code?, failure: webhook.failure? what holds in all processes of the store, with changes: from now on
---@field tenant fun(self: webhook.engine, tenant: string, changes?: webhook.tenant_limits): tenant: webhook.tenant?, message: string?, code: webhook.code?, failure: webhook.failure? what it has stored, and what it may have, with changes: from now on
---@field rotate_key fun(self: webhook.engine): count: integer?, message: string?, code: webhook.code?, failure: webhook.failure? encrypts by the first key of key_file all secrets that are not; how many rows it wrote. Blocks; another call goes on where one was interrupted
---@field put_source fun(self: webhook.engine, document: table): ok: boolean?, message: string?, code: webhook.code?, failure: webhook.failure? keeps the document of an HTTP source (core/docs/sources.md), in the place of the one of its object type; "********" leaves a secret that is kept
---@field source_document fun(self: webhook.engine, object_type: string): source: webhook.source_document?, message: string?, code: webhook.code?, failure: webhook.failure?
---@field sources fun(self: webhook.engine): sources: webhook.source_document[]?, message: string?, code: webhook.code?, failure: webhook.failure?
---@field delete_source fun(self: webhook.engine, object_type: string): ok: boolean?, message: string?, code: webhook.code?, failure: webhook.failure?
---@field put_connection fun(self: webhook.engine, object_type: string, connection: string, document: { tenant?: string, auth?: table, variables?: table<string, string> }?): ok: boolean?, message: string?, code: webhook.code?, failure: webhook.failure? keeps a connection of a source's document, and leaves the others; nil takes it away
---@field test_source fun(self: webhook.engine, object_type: string, query?: webhook.source_trial): page: webhook.source_page|webhook.source_preview|nil, message: string?, code: webhook.code?, failure: webhook.failure? reads one page, and tells what failed if it did; blocks, keeps nothing
---@field replay fun(self: webhook.engine, delivery: string|webhook.query): replayed: boolean|integer?, message: string?, code: webhook.code?, failure: webhook.failure? one delivery by id: true; those of a query (state "exhausted" by default): their number
---@field fetch fun(self: webhook.engine, subscription: string, options?: { cursor?: string, limit?: integer, wait?: integer }): page: webhook.fetched?, message: string?, code: webhook.code?, failure: webhook.failure? of a subscription with the url "poll:": what waits, in the order of acceptance; cursor: of the answer before, whose items are delivered by that; wait: ms that this thread waits for something to come
---@field replay_missed fun(self: webhook.engine, subscription: string, options?: webhook.missed): count: integer?, message: string?, code: webhook.code?, failure: webhook.failure? makes the deliveries that the present version gives for stored events and that are not there: it was paused, disabled or not made yet
---@field cancel fun(self: webhook.engine, query: webhook.query, dry_run?: boolean): count: integer?, message: string?, code: webhook.code?, failure: webhook.failure? those that wait (state "waiting" by default, or "held"), of a subscription, event, type, tenant, since or until at least; dry_run: counts alone
---@field explain fun(self: webhook.engine, event: string, subscription?: string, query?: webhook.query): explained: webhook.explanation|webhook.explanations|nil, message: string?, code: webhook.code?, failure: webhook.failure? one explanation for a subscription; without one a page for all of the event's tenant
---@field backtest fun(self: webhook.engine, options: webhook.backtest): report: webhook.backtest_report?, message: string?, code: webhook.code?, failure: webhook.failure? blocks; sends and changes nothing
local engine = core.engine

-- A page, or an error that points at the line which asked for it, `level` calls up.
local function fetch(level, self, kind, query)
  local ok, page, message, code = pcall(engine.page, self, kind, query)
  if not ok then error(page, level + 1) end
  if not page then error(("%s (%s)"):format(message, code), level + 1) end
  return page
end

--- Walks a list page by page, newest first; raises when the store fails. To be called in
--- tail position, so that level 2 is the line of the user.
---@param self webhook.engine
---@param kind "subscriptions"|"events"|"deliveries"
---@param query? webhook.query
---@return fun(): table?
local function walk(self, kind, query)
  if query ~= nil and type(query) ~= "table" then
    error(("query: expected a table, found %s"):format(type(query)), 2)
  end
  local wanted = {}
  for name, value in next, query or {} do wanted[name] = value end
  local page, at = fetch(2, self, kind, wanted), 0
  return function()
    while page do
      at = at + 1
      if page.items[at] ~= nil then return page.items[at] end
      wanted.cursor, at = page.next, 0
      page = page.next and fetch(2, self, kind, wanted)
    end
  end
end

---@param query? webhook.query
---@return fun(): webhook.subscription?
function engine:subscriptions(query)
  return walk(self, "subscriptions", query)
end

---@param query? webhook.query
---@return fun(): webhook.event?
function engine:events(query)
  return walk(self, "events", query)
end

---@param query? webhook.query
---@return fun(): webhook.delivery?
function engine:deliveries(query)
  return walk(self, "deliveries", query)
end

--- Runs what a failing rule held back again, with the present rule. A changed rule does so by
--- itself; this is for a rule that failed by what it was given.
---@param subscription string its id
---@return integer? count, string? message, webhook.code? code
function engine:release(subscription)
  return self:replay { subscription = subscription, state = "held" }
end

--- The attempts of a delivery, oldest first; raises when the store fails.
---@param delivery string its id
---@return fun(): webhook.attempt?
function engine:attempts(delivery)
  local page, at = fetch(2, self, "attempts", delivery), 0
  return function()
    at = at + 1
    return page.items[at]
  end
end

-- Deeper than any payload: of an object that cannot be written as it is, so that it is there all the same.
local too_deep = ("["):rep(950) .. ("]"):rep(950)

local function is_deep(text, message) return not text and message:find("nested too deep", 1, true) end

-- One that nests too deeply does not hide the others.
local function encode_each(items)
  local texts = {}
  for i, item in ipairs(items) do
    local text, message = core.encode(item)
    if is_deep(text, message) and type(item) == "table" and item.id ~= nil then
      text, message = core.encode { id = item.id, deleted = item.deleted }
      text = text and text:sub(1, -2) .. ',"too_deep":' .. too_deep .. "}"
    end
    if not text then return nil, message end
    texts[i] = text
  end
  return "[" .. table.concat(texts, ",") .. "]"
end

local function encode_items(items)
  if type(items) == "table" and next(items) == nil then return "[]" end
  local text, message = core.encode(items)
  if is_deep(text, message) and type(items) == "table" then return encode_each(items) end
  return text, message
end

-- Whoever resumes it, the coroutine's own end is the answer.
local function answer(call, list, query)
  local ok, items, next_page, state = pcall(list, query)
  if not ok then
    call:fail(tostring(items))
  elseif items == nil or items == false then
    local more = type(state) == "table" and state or {}
    call:fail(type(next_page) == "string" and next_page or "the function gave no list", more.retry_after, more.refused)
  elseif items == true then
    call:answer(nil, nil, state)
  else
    local text, message = encode_items(items)
    if text then call:answer(text, next_page, state) else call:fail(message) end
  end
end

local source_names = { list = true, can = true, filters = true, required = true, without = true, full_every = true,
  spawn = true, tenants = true, connections = true }

-- Each with its tenant behind it: "" for those without one.
local function pairs_of(connections)
  if connections == nil then return nil end
  if type(connections) ~= "table" then error(("connections: expected a table, found %s"):format(type(connections)), 4) end
  local list = {}
  for connection, tenant in next, connections do
    if type(connection) ~= "string" or type(tenant) ~= "string" then
      error("connections: expected names of connections with the tenant of each", 4)
    end
    list[#list + 1], list[#list + 2] = connection, tenant
  end
  return list
end

local function abilities(source)
  local given = { filters = source.filters, required = source.required, without = source.without,
    full_every = source.full_every, tenants = source.tenants, connections = pairs_of(source.connections) }
  for _, name in ipairs(source.can or { "all" }) do
    if name ~= "all" and name ~= "changes" and name ~= "deleted" then
      error(('can: expected "all", "changes" or "deleted", found "%s"'):format(tostring(name)), 3)
    end
    given[name] = true
  end
  return given
end

--- Makes the source a system with webhooks: its objects of this type are listed again and again, and what is new, has
--- changed or has vanished becomes events "<type>.created", ".updated", ".deleted" of subscriptions with `poll`. nil takes
--- it away. list is called within step and run, as a coroutine; one that yields is resumed by whoever it waits for.
---@param object_type string "crm_contact"
---@param source webhook.source|fun(query: webhook.source_query)|nil
---@return boolean? ok, string? message, webhook.code? code, webhook.failure? failure
function engine:source(object_type, source)
  if source == nil then return self:remove_source(object_type) end
  if type(source) == "function" then source = { list = source } end
  if type(source) ~= "table" then error(("source: expected a table, found %s"):format(type(source)), 2) end
  for name in next, source do
    if not source_names[name] then error(("source: unknown option \"%s\""):format(tostring(name)), 2) end
  end
  if type(source.list) ~= "function" then error("source.list: expected a function", 2) end
  local list = source.list
  local spawn = source.spawn or function(f) coroutine.wrap(f)() end
  return self:add_source(object_type, abilities(source), function(call, query)
    if query.filters then query.filters = core.decode(query.filters) end
    spawn(function() answer(call, list, query) end)
  end)
end

---@class webhook
local webhook = {
  ---@type string "0.1.0"
  version = core.version,
  ---@type lightuserdata JSON's null; equal to lua-cjson's and ngx.null
  null = core.null,
}

--- Opens, and creates if need be, a store: a file name for SQLite, ":memory:" for one
--- that ends with the engine.
---@type fun(store: string, options?: webhook.options): hooks: webhook.engine?, message: string?, code: webhook.code?, failure: webhook.failure?
webhook.open = core.open

--- A clock that stands at ms, for tests.
---@type fun(ms: integer): webhook.clock
webhook.clock = core.clock

--- The `webhook-signature` header of Standard Webhooks: one signature per secret.
---@type fun(secrets: string|string[], id: string, seconds: integer, body: string): header: string?, message: string?, code: webhook.code?, failure: webhook.failure?
webhook.sign = core.sign

---@alias webhook.format "standard"|"unified"|"truto"|"callfire"|"github"|"stripe"|"slack"|"shopify"|"rfc9421"

---@class webhook.verify_options
---@field format? webhook.format|"auto" whose signature it is, "standard" by default; "auto": told by the headers, and for Unified.to by the body. A request with the headers of two is refused
---@field tolerance? integer seconds either way that the request's time may be off, where the format has one (300); negative: not checked
---@field now? integer ms, instead of the machine's clock
---@field method? string rfc9421: the request's method ("POST")
---@field signature? string in place of format: a form of signatures as JSON, or "github", "shopify", "slack", "stripe", "svix"
---@field url? string rfc9421 and forms that sign it: the request's URL, or its path and query, for signatures that cover parts of it

--- Checks a request that was received: headers as name to value in any case (to a list of values where it came
--- several times), the raw
--- body, "whsec_…" secrets and "whpk_…" keys of which one must match; with a format that is
--- not "standard" a secret is the text as its sender shows it. Gives true, the format, and the
--- number of a request that has its place in an order (webhook-sequence, which is not signed; nil where there
--- is none that can be read); or nil, a sentence and a code, which says what check failed:
--- "signature_header", "signature_format", "signature_old", "signature_new", "signature_mismatch",
--- "secret".
---@type fun(headers: table<string, any>, body: string, secrets: string|string[], options?: webhook.verify_options): ok: boolean?, format: string, sequence: integer|webhook.code|nil, failure: webhook.failure?
webhook.verify = core.verify

--- What answers the requests of senders in a server of your own: verifies, refuses replays,
--- minds the order, decodes, calls your function; see webhook/receiver.lua.
---@param options webhook.receiver_options
---@return webhook.receiver
function webhook.receiver(options)
  return require "webhook.receiver" (options)
end

--- A fresh symmetric secret, "whsec_…".
---@type fun(): string
webhook.secret = core.secret

--- A fresh ed25519 pair, "whsk_…" and "whpk_…".
---@type fun(): secret: string, public_key: string
webhook.keypair = core.keypair

--- A fresh line of a key file, "ID BASE64", for the option key_file; without an id it is the day.
---@type fun(id?: string): line: string?, message: string?, code: webhook.code?, failure: webhook.failure?
webhook.store_key = core.store_key

--- What the library was built with.
---@type fun(): { version: string, sinks: string[] }
webhook.features = core.features

--- JSON of a value: names in bytewise order; an empty table is an object unless it is
--- marked. nil, message, code for what JSON cannot say, with the place in the message.
---@type fun(value: any): text: string?, message: string?, code: webhook.code?, failure: webhook.failure?
webhook.encode = core.encode

--- The value of a JSON text: null is webhook.null, integers are exact within 64 bits,
--- arrays are marked, of a name that comes twice the last value counts. options.raw names a
--- member of the outermost object that stays text, as a webhook.raw.
---@type fun(text: string, options?: { raw?: string }): value: any, message: string?, code: webhook.code?, failure: webhook.failure?
webhook.decode = core.decode

--- Marks a table (a new one if none is given) as an array, by its metatable.
---@generic T: table
---@type fun(table?: T): T
webhook.array = core.array

--- Marks a table (a new one if none is given) as an object.
---@generic T: table
---@type fun(table?: T): T
webhook.object = core.object

--- JSON text for publish, or for a part of a table: it is checked, and sent as it is.
---@type fun(text: string): webhook.raw
webhook.raw = core.raw

--- Rules on their own, without a store.
webhook.rule = {
  --- Compiles a rule's source, or what a subscription's document says about payloads.
  ---@type fun(rule: string|webhook.subscription|webhook.raw): ok: boolean?, message: string?, code: webhook.code?, failure: webhook.failure?
  check = core.rule_check,

  --- Takes one payload through filters, rule and fields of a document, or through a rule's
  --- source. A rule that fails is a result: outcome "failed".
  ---@type fun(rule: string|webhook.subscription|webhook.raw, payload: webhook.payload, event?: webhook.rule_event): result: webhook.rule_result?, message: string?, code: webhook.code?, failure: webhook.failure?
  try = core.rule_try,
}

return webhook
