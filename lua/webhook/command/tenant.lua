local rate = require "webhook.command.rate"
local webhook = require "webhook"

local tenant = { words = 1 }

tenant.help = [[
webhook tenant TENANT [--quota-events N] [--quota-bytes N] [--cpu-ms N] [--rate COUNT/SECONDS] - what it has stored, and may have

  webhook tenant acme                     shows it
  webhook tenant acme --quota-events 1000000 --quota-bytes 1000000000
  webhook tenant acme --cpu-ms default    as all tenants, see webhook settings --help

  --quota-events N  events that it may have stored: one more is refused
  --quota-bytes N   bytes of their payloads, and of what rules have made of them
  --cpu-ms N        ms of each second that a process spends on deciding its events: its filters, rules and
                    fields. Beyond that its subscriptions wait, and no other does
  --rate COUNT/SECONDS  at most so many requests of all of its subscriptions in so many seconds: 100/60;
                    100/60/10: ten at once at most; default: no rate
What is stored stays, also where it is more. Nothing is shown of what has no bound.]]

local names = { "quota_events", "quota_bytes", "cpu_ms" }

tenant.options = { rate = "text" }
for _, name in ipairs(names) do tenant.options[name:gsub("_", "-")] = "text" end

local function number_of(name, text)
  if text == "default" then return webhook.null end
  return text and (math.tointeger(tonumber(text)) or error { usage = ("--%s expects a whole number, found %q"):format(name, text) })
end

function tenant.run(values, words, out)
  local name, changes = words[1], {}
  if not name then error { usage = "tenant expects a TENANT; see webhook tenant --help" } end
  for _, each in ipairs(names) do
    local option = each:gsub("_", "-")
    changes[each] = number_of(option, values[option])
  end
  if values.rate then changes.rate = values.rate == "default" and webhook.null or rate.of(values.rate) end
  local hooks <close> = next(changes) and out:open() or out:open_existing()
  out:item(out.check(hooks:tenant(name, next(changes) and changes)), { "tenant", "events", "bytes", "quota_events", "quota_bytes", "cpu_ms", "rate" })
end

return tenant
