local subscriptions = require "webhook.command.subscriptions"
local webhook = require "webhook"

local sinks = { words = 2 }

sinks.options = { events = "list", schema = "text", prefix = "text", create = "text", removes = "flag", times = "flag",
  allow = "list", files = "list" }

sinks.help = [[
webhook sinks [list | test URL]

  webhook sinks                                    what deliveries can go to, by the URL's scheme
  webhook sinks test postgresql://u:p@host/name    would rows arrive there? Stores nothing
  webhook sinks test 'amqp://u:p@host/?queue=q'    would messages? Also 'redis://u:p@host/0?stream=s',
                                                   'nats://u:p@host/subject', 'kafka://u:p@host/topic'

test connects to the database or queue and asks whether all is allowed; exit code 1 says what is missing.
  --events PATTERN   whose tables; may be repeated      --schema NAME     --prefix TEXT
  --create full|add|never   tables and columns are made, columns alone, or nothing
  --allow RANGE      at this private or local address, too; may be repeated
  --files FOLDER     "sqlite:/path" in this folder; may be repeated]]

local function list(out)
  local features = webhook.features()
  if out.json then return out:item(features) end
  for _, each in ipairs(features.sinks) do print(each) end
end

local function test(values, url, out)
  local hooks <close> = out.check(webhook.open(":memory:", { allow = values.allow, files = values.files }))
  out.check(hooks:test_sink { url = url, events = values.events, database = subscriptions.database(values) })
  out:item({ ok = true }, { "ok" })
end

function sinks.run(values, words, out)
  local name = words[1] or "list"
  if name == "list" then return list(out) end
  if name ~= "test" then error { usage = ("sinks has no %q; see webhook sinks --help"):format(name) } end
  if not words[2] then error { usage = "sinks test expects a URL" } end
  return test(values, words[2], out)
end

return sinks
