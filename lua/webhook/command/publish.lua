local webhook = require "webhook"

local publish = { words = 2 }

publish.options = { id = "text", tenant = "text", source = "text", key = "text", time = "text", batch = "flag" }

publish.help = [[
webhook publish TYPE [FILE] - accept an event, durably

  webhook publish order.paid order.json
  echo '{"id":7}' | webhook publish order.paid
  webhook publish order.paid --id order-7 order.json     the same id again changes nothing
  webhook publish --batch events.ndjson                  lines {"type":…,"payload":…,"id":…}

FILE is the payload, JSON, kept byte for byte but for a line end behind it; - or none reads
standard input. --batch takes all of its lines or none.
  --id ID        idempotency key
  --tenant NAME  only subscriptions of this tenant get it
  --source NAME  where it comes from, for subscriptions of one source
  --key TEXT     what it is about, for subscriptions with an order
  --time TIME    when it happened: 2026-11-21T10:00:00Z, or ms since 1970]]

local KINDS <const> = {
  type = "string", id = "string", tenant = "string", source = "string", key = "string", time = "time", payload = "any",
}

--- What publish_batch would raise of a line's object, whose lines it does not know.
local function complaint(event)
  for name, value in pairs(event) do
    local kind = KINDS[name]
    if not kind then return ("unknown name '%s'"):format(name) end
    if kind == "string" and type(value) ~= "string" then
      return ("%s: expected a string, found %s"):format(name, type(value))
    elseif kind == "time" and type(value) ~= "string" and math.type(value) ~= "integer" then
      return ("%s: expected an integer or a text, found %s"):format(name, math.type(value) == "float" and "a number with a fraction" or type(value))
    end
  end
  if event.payload == nil then return "payload: expected a value" end
end

--- The events of the lines, their payloads untouched, and the number of each one's line.
local function read_lines(text, out)
  local events, lines, number = {}, {}, 0
  for row in (text .. "\n"):gmatch "(.-)\r?\n" do
    number = number + 1
    if row:find "[^ \t-\r]" then
      local event, message = webhook.decode(row, { raw = "payload" })
      if type(event) ~= "table" then out.fail(("line %d: %s"):format(number, message or "expected an object"), "json") end
      for name, value in pairs(event) do
        if value == webhook.null then event[name] = nil end
      end
      local sentence = complaint(event)
      if sentence then out.fail(("line %d: %s"):format(number, sentence), "invalid") end
      events[#events + 1], lines[#events + 1] = event, number
    end
  end
  return events, lines
end

local function batch(text, out)
  local events, lines = read_lines(text, out)
  local hooks <close> = out:open()
  local receipts, message, code, failure = hooks:publish_batch(events)
  if not receipts then
    local place = failure.index and ("line %d: %s"):format(lines[failure.index], failure.field and failure.field .. ": " or "")
    out.fail(place and place .. failure.reason or message, code)
  end
  for _, receipt in ipairs(receipts) do out:item(receipt, { "id" }) end
end

function publish.run(values, words, out)
  if values.batch then
    if words[2] or values.id or values.tenant or values.time or values.source or values.key then
      error { usage = "publish --batch expects one FILE and nothing else: type, id and the rest are in its lines" }
    end
    return batch(out.read(words[1]), out)
  end
  if not words[1] then error { usage = "publish expects a TYPE; see webhook publish --help" } end
  local payload = webhook.raw((out.read(words[2]):gsub("\r?\n$", "")))
  local hooks <close> = out:open()
  local id, duplicate, code = hooks:publish(words[1], payload, {
    id = values.id, tenant = values.tenant, time = values.time, source = values.source, key = values.key,
  })
  if not id then out.fail(duplicate, code) end
  out:item({ id = id, duplicate = duplicate }, { "id" })
end

return publish
