local options = require "webhook.command.options"

local replay = { words = 1 }

replay.options = { subscription = "text", event = "text", tenant = "text", state = "text", since = "text", ["until"] = "text" }

replay.help = [[
webhook replay ID | webhook replay --subscription ID [--state exhausted] [--since TIME]

  webhook replay dlv_…
  webhook replay --subscription sub_…             all that are exhausted
  webhook replay --subscription sub_… --since 12h of events accepted since; --until
  webhook replay --event msg_… --state delivered
  webhook replay --subscription sub_… --state held   with the present rule
  webhook replay --tenant acme --state waiting    now, without waiting for their time

Sends deliveries again, the same bytes, from the start of their retry list.
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

function replay.run(values, words, out)
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
