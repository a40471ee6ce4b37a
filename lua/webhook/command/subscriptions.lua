local options = require "webhook.command.options"
local webhook = require "webhook"
local rate = require "webhook.command.rate"
local reach = require "webhook.command.reach"
local secrets = require "webhook.command.secrets"

local subscriptions = { words = 2,
  takes = { { "list", "add", "show", "update", "delete", "pause", "resume", "secrets" }, "subscription" } }

local MINUTE = 60000 -- ms

subscriptions.options = secrets.options {
  events = "list", tenant = "text", name = "text", rule = "text", ["response-rule"] = "text", fields = "text", filter = "list", header = "list",
  retry = "text", ["retry-on"] = "text", jitter = { 0, math.maxinteger }, ["retry-budget"] = { 0, math.maxinteger }, breaker = "text", ["connect-timeout"] = { 0, math.maxinteger }, ["answer-timeout"] = { 0, math.maxinteger }, timeout = { 0, math.maxinteger }, concurrency = { 0, math.maxinteger }, insecure = "flag",
  http2 = "flag", metadata = "text", state = "text", ["on-rule-error"] = "text",
  rate = "text", order = "text", profile = "text", source = "text", ["single-use"] = "flag", ["expires-at"] = "text", details = "text", url = "text",
  schema = "text", prefix = "text", create = "text", removes = "flag", times = "flag", check = "flag", allow = "list", files = "list",
  poll = "text", interval = { 1, 525600 }, history = "flag", hold = "flag", drop = "flag", since = "text", ["since-event"] = "text", ["dry-run"] = "flag", also = "text",
}

for name, kind in pairs(reach.options) do subscriptions.options[name] = kind end

subscriptions.help = [[
webhook subscriptions [list | add URL | show ID | update ID | delete ID | pause ID | resume ID | secrets ID]

  webhook subscriptions add https://example.com/hook --events 'order.*' --events invoice.paid
  webhook subscriptions add https://example.com/hook --rule rule.lua --fields id,total
  webhook subscriptions update sub_… --filter customer.country=DE
  webhook subscriptions list --state failing      or healthy, enabled, paused, disabled
  webhook subscriptions add https://example.com/hook --since 7d   and what is stored, too
  webhook subscriptions pause sub_…           what comes meanwhile is not sent
  webhook subscriptions pause sub_… --hold    it waits, and goes out with resume; --drop: not any more

  webhook subscriptions add postgresql://user:password@host/name --events 'crm_contact.*'   a row for each object
  webhook subscriptions add 'amqp://user:password@host/?queue=orders'   a message for each delivery
  webhook subscriptions add 'redis://user:password@host/0?stream=orders'

  webhook subscriptions add poll: --events 'order.*'          sent nowhere: webhook poll fetches them

add prints the secret, once. For add and update:
  --events PATTERN      a type, '*', 'prefix.*', 'prefix:*'; may be repeated; none: all
  --tenant NAME         only events of this tenant
  --name TEXT           --timeout MS   --concurrency N   --[no-]insecure   --[no-]http2
  --rule FILE           a Lua rule     --on-rule-error hold|skip|send
  --response-rule FILE  a Lua rule that says what an answer means
  --fields LIST         id,customer(name,email)
  --filter PATH=TEXT    may be repeated; PATH:=JSON for what is no text: total:=0
  --header 'Name: value'   may be repeated
  --metadata JSON       an object, for you and for the rule
  --secret S            may be repeated: each signs
]] .. secrets.help .. "\n" .. reach.help .. [[

  --source NAME         only events of this source
  --poll TYPE           what is new, changed or gone of these objects of a source (webhook sources)
  --interval MINUTES    of --poll: between two readings; default is 60
  --[no-]history        of --poll, in an add: what is there is sent first, page by page
  --order none|fifo|key|latest   one after the other, or so for each key
  --profile standard|unified|truto|callfire   body, headers and signature of what is sent
  --details JSON        what a profile keeps of its own
  --[no-]single-use     one event, then it is deleted
  --expires-at TIME     2026-12-31T00:00:00Z: takes no events from then on
  --retry MS,MS,…       wait before each attempt; or JSON: '[{"events":["order.*"],"delays":[0,5000],"within":3600}]'
  --retry-on CLASS,…    network, timeout, 3xx, 4xx, 5xx or a status: these alone are tried again; none: nothing is
  --jitter PERCENT      of a delay that chance adds at most; default is 10
  --retry-budget PERCENT   so many retries at most for each hundred deliveries; 0: no limit
  --breaker on|JSON     one probe at a time where too many fail: '{"failures":50,"least":10,"window":60,"pause":10,"longest":600}'
  --connect-timeout MS  --answer-timeout MS   until it is connected, and until the first byte of the answer
  --rate COUNT/SECONDS  at most so many requests in so many seconds: 100/60; 100/60/10: ten at once at most
  --url URL             in an update: another address
  --also URL            a database or a queue that gets all of it besides, with a lane of its own
  --since TIME          in an add: events accepted since (7d, 12h ago, or a time) are sent as well;
  --since-event ID      or from this event on; --dry-run counts them, and makes nothing
Of a database or a queue (with --also of that one), which add and update ask whether all is allowed, unless --no-check:
  --schema NAME         --prefix TEXT   what tables' names begin with
  --create full|add|never   tables and columns are made, columns alone, or nothing
  --[no-]removes        the row of a deleted object goes; else it says that it was deleted
  --[no-]times          texts of ISO 8601 in fields that end in _at become times
  --allow RANGE         to look at it at this private or local address; may be repeated
  --files FOLDER        where "sqlite:/path" may be; may be repeated
In an update an empty value ('') takes a field back to its default.]]

local columns = { "id", "state", "tenant", "url", "events", "name", "version" }

-- As JSON the document itself; in a table with a word for what it does.
local function show(each, out)
  if not out.json then
    each.state = each.disabled and "disabled: " .. each.disabled or each.paused == "hold" and "holds" or each.paused and "paused"
      or each.health == "failing" and "failing" or "enabled"
  end
  out:item(each, columns)
end

-- A list of the line as the document has it: '' alone stands for the default.
local function list_of(list, make)
  if not list then return nil end
  if #list == 1 and list[1] == "" then return webhook.null end
  local made = webhook.array {}
  if not make then return table.move(list, 1, #list, 1, made) end
  made = webhook.object {}
  for _, each in ipairs(list) do
    local name, value = make(each)
    made[name] = value
  end
  return made
end

local function filter_of(text)
  local path, json = text:match "^([^=]-):=(.*)$"
  if path then return path, webhook.raw(json) end
  local name, value = text:match "^([^=]+)=(.*)$"
  if not name then error { usage = ("--filter expects PATH=TEXT or PATH:=JSON, found %q"):format(text) } end
  return name, value
end

--- What --filter's values say, for other subcommands.
---@param list? string[]
function subscriptions.filters(list)
  return list_of(list, filter_of)
end

local function header_of(text)
  local name, value = text:match "^([^:]+):[ \t]*(.*)$"
  if not name then error { usage = ("--header expects 'Name: value', found %q"):format(text) } end
  return name, value
end

local function retry_of(text)
  if text:sub(1, 1) == "[" then return webhook.raw(text) end
  local list = webhook.array {}
  for each in (text .. ","):gmatch "([^,]*)," do
    list[#list + 1] = math.tointeger(tonumber(each)) or
      error { usage = ("--retry expects milliseconds with commas between, found %q"):format(text) }
  end
  return list
end

-- Names and statuses; what they may be the engine says.
local function retry_on_of(text)
  local list = webhook.array {}
  if text == "none" then return list end
  for each in (text .. ","):gmatch "([^,]*)," do
    list[#list + 1] = math.tointeger(tonumber(each)) or each
  end
  return list
end

local function breaker_of(text)
  return text == "on" and webhook.object {} or webhook.raw(text)
end

-- Both are said at once: an update takes the place of what was there.
local function timeouts_of(values)
  local connect, answer = values["connect-timeout"], values["answer-timeout"]
  if not connect and not answer then return nil end
  local said = webhook.object { connect = connect ~= 0 and connect or nil, answer = answer ~= 0 and answer or nil }
  return next(said) and said or webhook.null
end

-- What a text of the line stands for: '' for the default, else what make() says.
local function text_of(text, make)
  if text == nil then return nil end
  if text == "" then return webhook.null end
  return make and make(text) or text
end

--- What is said of a database, or nil.
function subscriptions.database(values)
  local said = { schema = text_of(values.schema), prefix = text_of(values.prefix), create = text_of(values.create),
    removes = values.removes, times = values.times, check = values.check }
  return next(said) ~= nil and webhook.object(said) or nil
end

--- Where it goes besides, with what is said of a database then, or nil.
local function also_of(values)
  return text_of(values.also, function(url) return webhook.object { url = url, database = subscriptions.database(values) } end)
end

--- What is polled, or nil.
local function poll_of(values)
  if values.poll == "" then return webhook.null end
  if not values.poll and values.interval then error { usage = "--interval is for --poll" } end
  if not values.poll and values.history ~= nil then error { usage = "--history is for --poll" } end
  return values.poll and { type = values.poll, interval = values.interval and values.interval * MINUTE, history = values.history }
end

--- The document that the options of the line describe.
local function document(values, out)
  local made = {
    events = list_of(values.events), secrets = list_of(secrets.read(values, out)),
    filters = list_of(values.filter, filter_of), headers = list_of(values.header, header_of),
    tenant = text_of(values.tenant), name = text_of(values.name), fields = text_of(values.fields),
    rule = text_of(values.rule, out.read), response_rule = text_of(values["response-rule"], out.read), retry = text_of(values.retry, retry_of),
    retry_on = text_of(values["retry-on"], retry_on_of), jitter = values.jitter,
    retry_budget = values["retry-budget"] == 0 and webhook.null or values["retry-budget"], breaker = text_of(values.breaker, breaker_of), timeouts = timeouts_of(values),
    metadata = text_of(values.metadata, webhook.raw), on_rule_error = text_of(values["on-rule-error"]),
    rate = text_of(values.rate, rate.of), order = text_of(values.order), profile = text_of(values.profile), source = text_of(values.source),
    single_use = values["single-use"], expires_at = text_of(values["expires-at"]),
    details = text_of(values.details, webhook.raw), url = values.url,
    database = not values.also and subscriptions.database(values) or nil, also = also_of(values),
    poll = poll_of(values), timeout = values.timeout, concurrency = values.concurrency, insecure = values.insecure, http2 = values.http2,
  }
  return reach.add(made, values, out.read)
end

local actions = {}

function actions.list(hooks, values, _, out)
  out:list(hooks, "subscriptions", { tenant = values.tenant, state = values.state }, nil, function(each) show(each, out) end)
end

-- With what is stored: from when on, or nil.
local function since_of(values)
  local since, event = options.time("since", values.since), values["since-event"]
  if not since and not event and values["dry-run"] then error { usage = "--dry-run is for --since and --since-event" } end
  return (since or event) and { since = since, event = event, dry_run = values["dry-run"] } or nil
end

function actions.add(hooks, values, url, out, wanted)
  wanted.url = url
  local made = out.check(hooks:subscribe(wanted, since_of(values)))
  if values["dry-run"] then return out:item({ missed = made }, { "missed" }) end
  if out.json then return out:item(made) end
  print(made.id)
  for _, secret in ipairs(made.secrets) do print(secret) end
end

function actions.show(hooks, _, id, out)
  print(out.encode(out.check(hooks:subscription(id))))
end

function actions.update(hooks, _, id, out, wanted)
  show(out.check(hooks:update(id, wanted)), out)
end

function actions.delete(hooks, _, id, out)
  out.check(hooks:delete(id))
end

function actions.pause(hooks, values, id, out)
  out.check(hooks:pause(id, values.hold and "hold" or values.drop and "drop" or nil))
end

function actions.resume(hooks, _, id, out)
  out.check(hooks:resume(id))
end

function actions.secrets(hooks, _, id, out)
  print(out.encode(out.check(hooks:secrets(id))))
end

function subscriptions.run(values, words, out)
  local name = words[1] or "list"
  local action = actions[name]
  if not action then error { usage = ("subscriptions has no %q; see webhook subscriptions --help"):format(name) } end
  if name ~= "list" and not words[2] then
    error { usage = ("subscriptions %s expects %s"):format(name, name == "add" and "a URL" or "an ID") }
  end
  if name ~= "add" and (values.since or values["since-event"] or values["dry-run"]) then
    error { usage = "--since, --since-event and --dry-run are for add" }
  end
  if name ~= "add" and values.history then error { usage = "--history is for add: what was there is sent to who is new" } end
  if name ~= "pause" and (values.hold ~= nil or values.drop ~= nil) then error { usage = "--hold and --drop are for pause" } end
  local wanted = (name == "add" or name == "update") and document(values, out) or nil
  if name == "add" and wanted.url then error { usage = "subscriptions add takes the URL as a word" } end
  if name == "update" and next(wanted) == nil then
    error { usage = "update expects something to change; see webhook subscriptions --help" }
  end
  local hooks <close> = name == "add" and out:open(values) or out:open_existing(values)
  return action(hooks, values, words[2], out, wanted)
end

return subscriptions
