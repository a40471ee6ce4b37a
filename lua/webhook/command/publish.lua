local webhook = require "webhook"

local publish = {}

publish.options = { id = "text", tenant = "text", time = "number", batch = "flag" }

publish.help = [[
webhook publish TYPE [FILE] - accept an event, durably

  webhook publish order.paid order.json
  echo '{"id":7}' | webhook publish order.paid
  webhook publish order.paid --id order-7 order.json     the same id again changes nothing
  webhook publish --batch events.ndjson                  lines {"type":…,"payload":…,"id":…}

FILE is the payload, JSON, kept byte for byte; - or none reads standard input.
  --id ID        idempotency key
  --tenant NAME  only subscriptions of this tenant get it
  --time MS      when it happened, ms since 1970]]

local function read_all(name, out)
  if not name or name == "-" then return io.read("a") end
  local file, message = io.open(name, "rb")
  if not file then out.fail(message) end
  local text = file:read("a")
  file:close()
  return text
end

local function batch(hooks, text, out)
  local events, line = {}, 0
  for row in text:gmatch("[^\n]+") do
    line = line + 1
    local event, message = webhook.decode(row)
    if type(event) ~= "table" then out.fail(("line %d: %s"):format(line, message or "expected an object")) end
    events[line] = event
  end
  for _, receipt in ipairs(out.check(hooks:publish_batch(events))) do
    out:item(receipt, { "id" })
  end
end

function publish.run(values, words, out)
  if values.batch then
    local hooks <close> = out:open()
    return batch(hooks, read_all(words[1], out), out)
  end
  if not words[1] then error { usage = "publish expects a TYPE; see webhook publish --help" } end
  local text = read_all(words[2], out):gsub("%s+$", "")
  local hooks <close> = out:open()
  local id, message, code = hooks:publish(words[1], webhook.raw(text), { id = values.id, tenant = values.tenant, time = values.time })
  if not id then out.fail(message, code) end
  out:item({ id = id, duplicate = message or false }, { "id" })
end

return publish
