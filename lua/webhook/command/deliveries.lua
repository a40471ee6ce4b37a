local webhook = require "webhook"

local deliveries = {}

deliveries.options = { state = "text", subscription = "text", event = "text", limit = "number" }

deliveries.help = [[
webhook deliveries [list | show ID | attempts ID | body ID]

  webhook deliveries --state exhausted            newest first
  webhook deliveries --event msg_… --json
  webhook deliveries attempts dlv_…               every request and its answer
  webhook deliveries body dlv_…                   the bytes that are sent

States: waiting, sending, delivered, exhausted, held, cancelled.]]

local actions = {}

function actions.show(hooks, id, out)
  print(webhook.encode(out.check(hooks:delivery(id))))
end

function actions.attempts(hooks, id, out)
  out.check(hooks:delivery(id))
  for each in hooks:attempts(id) do out:item(each, { "n", "at", "duration_ms", "status", "error" }) end
end

function actions.body(hooks, id, out)
  print(out.check(hooks:body(id)))
end

function deliveries.run(values, words, out)
  local name = words[1] or "list"
  local action = actions[name]
  if not action and name ~= "list" then
    error { usage = ("deliveries has no %q; see webhook deliveries --help"):format(name) }
  end
  if action and not words[2] then error { usage = ("deliveries %s expects an ID"):format(name) } end
  local hooks <close> = out:open()
  if action then return action(hooks, words[2], out) end
  local left = values.limit or 50
  for each in hooks:deliveries { state = values.state, subscription = values.subscription, event = values.event } do
    if left == 0 then break end
    left = left - 1
    out:item(each, { "id", "event", "type", "state", "attempts", "status", "error" })
  end
end

return deliveries
