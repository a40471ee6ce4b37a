local options = require "webhook.command.options"
local webhook = require "webhook"

local settings = { words = 0 }

settings.help = [[
webhook settings [--retain TIME] [--retain-failed TIME] [--payload-bytes N] [--subscription-bytes N]
                 [--subscriptions N] [--tenant-quota-events N] [--tenant-quota-bytes N] [--tenant-cpu-ms N]
                 - what all processes of a store go by

  webhook settings                        shows it; with --json in ms
  webhook settings --retain 365d          changes it, also for those that run
  webhook settings --retain default

  --retain TIME         how long a delivered event is kept: 90s, 30m, 12h, 365d, or default (7d)
  --retain-failed TIME  the same of an event with a failed delivery; default is 30d
  --payload-bytes N     of an event that is accepted, or default (1048576)
  --subscription-bytes N, --subscriptions N   of one, and how many; default is 262144 and 1000000
  --tenant-quota-events N, --tenant-quota-bytes N, --tenant-cpu-ms N   of each tenant that has none
                        of its own, see webhook tenant --help; default is no bound
What is older than that is deleted, within a minute where a process delivers. A limit that is lowered
takes nothing away that is there.]]

local numbers = { "payload_bytes", "subscription_bytes", "subscriptions", "tenant_quota_events", "tenant_quota_bytes", "tenant_cpu_ms" }
local names = { "retain", "retain_failed", table.unpack(numbers) }

settings.options = {}
for _, name in ipairs(names) do settings.options[name:gsub("_", "-")] = "text" end

local function number_of(name, text)
  if text == "default" then return webhook.null end
  return text and (math.tointeger(tonumber(text)) or error { usage = ("--%s expects a whole number, found %q"):format(name, text) })
end

local function change(name, text)
  if text == "default" then return webhook.null end
  return text and options.duration(name, text)
end

local function readable(document)
  local shown = {}
  for name, value in pairs(document) do
    shown[name] = name:find "^retain" and options.duration_text(value) or value
  end
  return shown
end

function settings.run(values, _, out)
  local changes = { retain = change("retain", values.retain), retain_failed = change("retain-failed", values["retain-failed"]) }
  for _, name in ipairs(numbers) do
    local option = name:gsub("_", "-")
    changes[name] = number_of(option, values[option])
  end
  local hooks <close> = next(changes) and out:open() or out:open_existing()
  local document = out.check(hooks:settings(next(changes) and changes))
  out:item(out.json and document or readable(document), names)
end

return settings
