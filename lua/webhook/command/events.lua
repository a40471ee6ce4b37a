local webhook = require "webhook"

local events = {}

events.options = { type = "text", tenant = "text", limit = "number" }

events.help = [[
webhook events [list | show ID]

  webhook events --type order.paid --limit 20     newest first
  webhook events show msg_…                       with its payload]]

function events.run(values, words, out)
  local hooks <close> = out:open()
  if words[1] == "show" then
    if not words[2] then error { usage = "events show expects an ID" } end
    print(webhook.encode(out.check(hooks:event(words[2]))))
    return
  end
  local left = values.limit or 50
  for each in hooks:events { type = values.type, tenant = values.tenant } do
    if left == 0 then break end
    left = left - 1
    out:item(each, { "id", "type", "accepted_at", "tenant" })
  end
end

return events
