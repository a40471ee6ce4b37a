local subscriptions = require "webhook.command.subscriptions"
local webhook = require "webhook"

local rule = { words = math.huge, takes = { { "check", "run" } } }

local EVER <const> = { 0, math.maxinteger }

rule.options = {
  type = "text", tenant = "text", source = "text", key = "text", id = "text", time = EVER, name = "text", metadata = "text",
  secret = "text", fields = "text", filter = "list", ["cpu-ms"] = EVER, ["memory-bytes"] = EVER,
  response = "flag",
}

rule.help = [[
webhook rule check FILE… | webhook rule run FILE [PAYLOAD]

  webhook rule check rules/*.lua                  does it compile? FILE:LINE: message if not
  webhook rule run rule.lua order.json            what becomes of a payload, and at what cost
  curl … | webhook rule run rule.lua --type order.paid --json
  webhook rule run answers.lua answer.json --response   what a response rule makes of an answer

Needs no store, sends nothing. PAYLOAD is JSON; - or none reads standard input. Exit code 1:
a rule does not compile, or failed.
  --type TYPE        of the event (test)      --tenant NAME   --source NAME   --key KEY
  --id ID            of the event             --time MS       since 1970
  --name TEXT        of the subscription      --metadata JSON   its metadata, an object
  --secret S         its secret, for hash()
  --filter PATH=TEXT   as in `webhook subscriptions`; before the rule
  --fields LIST        id,customer(name); after the rule
  --cpu-ms N         --memory-bytes N         limits of the rule
  --response         it is a response rule, and PAYLOAD an answer: {"status":503,"headers":{},"body":"","attempt":1}]]

--- A complaint as compilers write it: of the line where one is known, else all of the message.
local function placed(file, line, reason, message)
  return line and ("%s:%d: %s"):format(file, line, reason) or ("%s: %s"):format(file, message)
end

local function check(_, files, out)
  local bad = 0
  for _, file in ipairs(files) do
    local ok, message, code, failure = webhook.rule.check(out.read(file))
    if not ok then
      bad = bad + 1
      if not out.json then
        io.stderr:write(out.plain(placed(file, failure.line, failure.reason, message)), "\n")
      end
    end
    if out.json then
      out:item { file = file, ok = ok or false, line = failure and failure.line, error = message, code = code }
    end
  end
  if bad > 0 then out.fail(("%d of %d rules do not compile"):format(bad, #files), "rule_syntax") end
end

--- The subscription that the options of the line describe.
local function document(values, out)
  return {
    fields = values.fields, name = values.name,
    filters = values.filter and subscriptions.filters(values.filter),
    metadata = values.metadata and webhook.raw(values.metadata),
    secrets = values.secret and { values.secret },
  }
end

local function show(result, out)
  print("outcome  " .. (result.path and ("filtered, by %s"):format(out.plain(result.path)) or result.outcome))
  if result.body then print("body     " .. out.plain(result.body)) end
  if result.key then print("key      " .. out.plain(result.key)) end
  if result.delay and result.delay > 0 then print(("delay    %d ms"):format(result.delay)) end
  local names = {}
  for name in pairs(result.headers or {}) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do print(("header   %s: %s"):format(out.plain(name), out.plain(result.headers[name]))) end
  if result.cpu_us then print(("cost     %d µs, %d bytes"):format(result.cpu_us, result.memory or 0)) end
end

local function run(values, words, out)
  if #words > 2 then error { usage = ("unexpected word %q"):format(words[3]) } end
  local file = words[1]
  local wanted = document(values, out)
  wanted[values.response and "response_rule" or "rule"] = out.read(file)
  local payload = webhook.raw((out.read(words[2]):gsub("\r?\n$", "")))
  local result, message, code, failure = webhook.rule.try(wanted, payload, {
    type = values.type, tenant = values.tenant, source = values.source, key = values.key, id = values.id,
    time = values.time, limits = { rule_cpu_ms = values["cpu-ms"], rule_memory_bytes = values["memory-bytes"] },
  })
  if not result then
    local is_rules = failure.field == "rule" or failure.field == "response_rule"
    error { failure = is_rules and placed(file, failure.line, failure.reason, message) or message, code = code, bare = is_rules }
  end
  if out.json then
    result.body = result.body and webhook.raw(result.body)
    out:item(result)
  else
    show(result, out)
  end
  if result.outcome == "failed" then
    error { failure = placed(file, result.line, result.message, result.message), code = result.code, bare = true }
  end
end

local actions = { check = check, run = run }

function rule.run(values, words, out)
  local name = table.remove(words, 1)
  if not actions[name] then
    error { usage = name and ("rule has no %q; see webhook rule --help"):format(name) or "rule expects check or run; see webhook rule --help" }
  end
  if not words[1] then error { usage = ("rule %s expects a FILE"):format(name) } end
  return actions[name](values, words, out)
end

return rule
