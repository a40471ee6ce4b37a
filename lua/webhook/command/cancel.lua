local options = require "webhook.command.options"

local cancel = { words = 0 }

cancel.options = { subscription = "text", event = "text", type = "text", tenant = "text", state = "text", since = "text", ["until"] = "text",
  ["dry-run"] = "flag" }

cancel.help = [[
webhook cancel --subscription ID | --event ID | --type TYPE | --tenant NAME | --since TIME | --until TIME [--dry-run]

  webhook cancel --subscription sub_… --dry-run       how many wait
  webhook cancel --subscription sub_… --until 12h     of events accepted before
  webhook cancel --tenant acme --type order.paid
  webhook cancel --event msg_… --state held           what a failing rule holds back

What waits is not sent, nor tried again. A replay sends it all the same (--state cancelled).
TIME: 90s, 30m, 12h, 7d ago, or 2026-11-21T10:00:00Z, or ms since 1970.]]

local names = { "subscription", "event", "type", "tenant", "state" }

function cancel.run(values, _, out)
  local query = { since = options.time("since", values.since), ["until"] = options.time("until", values["until"]) }
  for _, name in ipairs(names) do query[name] = values[name] end
  local hooks <close> = out:open_existing()
  local count = out.check(hooks:cancel(query, values["dry-run"]))
  out:item({ cancelled = count }, { "cancelled" })
end

return cancel
