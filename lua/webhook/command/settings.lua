local options = require "webhook.command.options"
local webhook = require "webhook"

local settings = { words = 0 }

settings.options = { retain = "text", ["retain-failed"] = "text" }

settings.help = [[
webhook settings [--retain TIME] [--retain-failed TIME] - what all processes of a store go by

  webhook settings                        shows it; with --json in ms
  webhook settings --retain 365d          changes it, also for those that run
  webhook settings --retain default

  --retain TIME         how long a delivered event is kept: 90s, 30m, 12h, 365d, or default (7d)
  --retain-failed TIME  the same of an event with a failed delivery; default is 30d
What is older than that is deleted, within a minute where a process delivers.]]

local function change(name, text)
  if text == "default" then return webhook.null end
  return text and options.duration(name, text)
end

local function readable(document)
  local shown = {}
  for name, ms in pairs(document) do shown[name] = options.duration_text(ms) end
  return shown
end

function settings.run(values, _, out)
  local changes = { retain = change("retain", values.retain), retain_failed = change("retain-failed", values["retain-failed"]) }
  local hooks <close> = next(changes) and out:open() or out:open_existing()
  local document = out.check(hooks:settings(next(changes) and changes))
  out:item(out.json and document or readable(document), { "retain", "retain_failed" })
end

return settings
