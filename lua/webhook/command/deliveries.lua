local options = require "webhook.command.options"

local deliveries = { words = 2, takes = { { "list", "show" }, "delivery" } }

local SOME <const> = { 1, math.maxinteger }

deliveries.options = {
  state = "text", subscription = "text", event = "text", tenant = "text", since = "text", ["until"] = "text", limit = SOME,
  own = "flag",
}

deliveries.help = [[
webhook deliveries [list | show ID | attempts ID | body ID]

  webhook deliveries --state exhausted            newest first; 50 unless --limit says more
  webhook deliveries --event msg_… --json
  webhook deliveries --subscription sub_… --limit 1000
  webhook deliveries --tenant acme --since 12h    of events accepted since; --until
  webhook deliveries --own                        those of the engine's own events, webhook.*, too
  webhook deliveries attempts dlv_…               every request and its answer
  webhook deliveries body dlv_…                   the very bytes that are sent

States: waiting, delivered, exhausted, held, cancelled.]]

local actions = {}

function actions.list(hooks, _, out, values, query)
  out:list(hooks, "deliveries", query, values.limit or 50, function(each)
    out:item(each, { "id", "subscription", "event", "type", "state", "attempts", "status", "updated_at", "error" })
  end)
end

function actions.show(hooks, id, out)
  print(out.encode(out.check(hooks:delivery(id))))
end

function actions.attempts(hooks, id, out)
  out.check(hooks:delivery(id))
  for each in hooks:attempts(id) do out:item(each, { "n", "at", "duration_ms", "status", "error" }) end
end

function actions.body(hooks, id, out)
  io.write(out.check(hooks:body(id)))
end

function deliveries.run(values, words, out)
  local name = words[1] or "list"
  local action = actions[name]
  if not action then
    error { usage = ("deliveries has no %q; see webhook deliveries --help"):format(name) }
  end
  if name ~= "list" and not words[2] then error { usage = ("deliveries %s expects an ID"):format(name) } end
  local query = { state = values.state, subscription = values.subscription, event = values.event, tenant = values.tenant,
    own = values.own }
  query.since, query["until"] = options.time("since", values.since), options.time("until", values["until"])
  local hooks <close> = out:open_existing()
  return action(hooks, words[2], out, values, query)
end

return deliveries
