local webhook = require "webhook"

local deliveries = { words = 2 }

local SOME <const> = { 1, math.maxinteger }

deliveries.options = { state = "text", subscription = "text", event = "text", limit = SOME }

deliveries.help = [[
webhook deliveries [list | show ID | attempts ID | body ID]

  webhook deliveries --state exhausted            newest first; 50 unless --limit says more
  webhook deliveries --event msg_… --json
  webhook deliveries --subscription sub_… --limit 1000
  webhook deliveries attempts dlv_…               every request and its answer
  webhook deliveries body dlv_…                   the very bytes that are sent

States: waiting, sending, delivered, exhausted, held, cancelled.]]

local actions = {}

function actions.list(hooks, _, out, values)
  local left = values.limit or 50
  for each in hooks:deliveries { state = values.state, subscription = values.subscription, event = values.event } do
    out:item(each, { "id", "event", "type", "state", "attempts", "status", "error" })
    left = left - 1
    if left == 0 then break end
  end
end

function actions.show(hooks, id, out)
  print(webhook.encode(out.check(hooks:delivery(id))))
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
  local hooks <close> = out:open()
  return action(hooks, words[2], out, values)
end

return deliveries
