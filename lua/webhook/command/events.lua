local options = require "webhook.command.options"
local webhook = require "webhook"

local events = { words = 2, takes = { { "list", "show" }, "event" } }

local SOME <const> = { 1, math.maxinteger }

events.options = { type = "text", tenant = "text", since = "text", ["until"] = "text", limit = SOME, own = "flag" }

events.help = [[
webhook events [list | show ID]

  webhook events --type order.paid --limit 20     newest first; 50 unless --limit says more
  webhook events --tenant acme --json
  webhook events --own                            those of the engine's own, webhook.*, too
  webhook events --since 12h                      accepted since: 90s, 30m, 12h, 7d ago, or 2026-11-21T10:00:00Z; --until
  webhook events show msg_…                       with its payload, as it was published]]

local function show(hooks, id, out)
  local event = out.check(hooks:event(id))
  event.payload = webhook.raw(out.check(hooks:payload(id)))
  print(out.encode(event))
end

function events.run(values, words, out)
  local action = words[1] or "list"
  if action ~= "list" and action ~= "show" then
    error { usage = ("events has no %q; see webhook events --help"):format(action) }
  end
  if action == "show" and not words[2] then error { usage = "events show expects an ID" } end
  local query = { type = values.type, tenant = values.tenant, own = values.own }
  query.since, query["until"] = options.time("since", values.since), options.time("until", values["until"])
  local hooks <close> = out:open_existing()
  if action == "show" then return show(hooks, words[2], out) end
  out:list(hooks, "events", query, values.limit or 50, function(each)
    out:item(each, { "id", "type", "accepted_at", "tenant" })
  end)
end

return events
