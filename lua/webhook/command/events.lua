local webhook = require "webhook"

local events = { words = 2 }

local SOME <const> = { 1, math.maxinteger }

events.options = { type = "text", tenant = "text", limit = SOME }

events.help = [[
webhook events [list | show ID]

  webhook events --type order.paid --limit 20     newest first; 50 unless --limit says more
  webhook events --tenant acme --json
  webhook events show msg_…                       with its payload, as it was published]]

local function show(hooks, id, out)
  local event = out.check(hooks:event(id))
  event.payload = webhook.raw(out.check(hooks:payload(id)))
  print(webhook.encode(event))
end

function events.run(values, words, out)
  local action = words[1] or "list"
  if action ~= "list" and action ~= "show" then
    error { usage = ("events has no %q; see webhook events --help"):format(action) }
  end
  if action == "show" and not words[2] then error { usage = "events show expects an ID" } end
  local hooks <close> = out:open()
  if action == "show" then return show(hooks, words[2], out) end
  local left = values.limit or 50
  for each in hooks:events { type = values.type, tenant = values.tenant } do
    out:item(each, { "id", "type", "accepted_at", "tenant" })
    left = left - 1
    if left == 0 then break end
  end
end

return events
