local options = require "webhook.command.options"

local replay = { words = 2, takes = { "delivery", "subscription" } }

replay.options = { subscription = "text", event = "text", tenant = "text", state = "text", since = "text", ["until"] = "text",
  ["dry-run"] = "flag", own = "flag" }

replay.help = [[
webhook replay ID | webhook replay --subscription ID [--state exhausted] [--since TIME]
webhook replay missed SUBSCRIPTION [--since TIME] [--until TIME] [--event ID] [--dry-run] [--own]

  webhook replay dlv_…
  webhook replay --subscription sub_…             all that are exhausted
  webhook replay --subscription sub_… --since 12h of events accepted since; --until
  webhook replay --event msg_… --state delivered
  webhook replay --subscription sub_… --state held   with the present rule
  webhook replay --tenant acme --state waiting    now, without waiting for their time
  webhook replay missed sub_… --dry-run           how many it never got
  webhook replay missed sub_… --since 7d

Sends deliveries again, the same bytes, from the start of their retry list.
missed: what came while the subscription was paused, disabled or not made yet, as far as its present
events, filters and rule want it. Nothing is sent twice; after Ctrl-C the same line goes on.
--own: the engine's own events, webhook.*, too.
TIME: 90s, 30m, 12h, 7d ago, or 2026-11-21T10:00:00Z, or ms since 1970.]]

local names = { "subscription", "event", "tenant", "state", "since", "until" }

-- nil when the line names a single delivery.
local function query_of(values)
  local query = {}
  for _, name in ipairs(names) do query[name] = values[name] end
  if next(query) == nil then return nil end
  query.since, query["until"] = options.time("since", values.since), options.time("until", values["until"])
  return query
end

local function run_missed(values, words, out)
  if not words[2] or values.subscription or values.tenant or values.state then
    error { usage = "replay missed expects a SUBSCRIPTION, and --since, --until, --event or --dry-run" }
  end
  local hooks <close> = out:open_existing()
  local count = out.check(hooks:replay_missed(words[2], {
    since = options.time("since", values.since), ["until"] = options.time("until", values["until"]),
    event = values.event, dry_run = values["dry-run"], own = values.own,
  }))
  out:item({ missed = count }, { "missed" })
end

function replay.run(values, words, out)
  if words[1] == "missed" then return run_missed(values, words, out) end
  if words[2] then error { usage = ("unexpected word %q"):format(words[2]) } end
  if values["dry-run"] ~= nil then error { usage = "--dry-run is for replay missed" } end
  if values.own ~= nil then error { usage = "--own is for replay missed" } end
  local query = query_of(values)
  if (query ~= nil) == (words[1] ~= nil) then
    error { usage = "replay expects an ID, or --subscription, --event, --tenant, --state, --since or --until" }
  end
  local hooks <close> = out:open_existing()
  if words[1] then
    out.check(hooks:replay(words[1]))
    return
  end
  local count = out.check(hooks:replay(query))
  out:item({ replayed = count }, { "replayed" })
end

return replay
