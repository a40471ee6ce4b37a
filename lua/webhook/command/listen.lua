local client = require "webhook.command.client"
local core = require "webhook.core"
local fetched = require "webhook.command.fetched"
local forward = require "webhook.command.forward"
local secrets = require "webhook.command.secrets"
local webhook = require "webhook"

local listen = { words = 0 }

listen.options = secrets.options {
  port = { 0, 65535 }, status = { 200, 599 }, delay = { 0, 3600000 }, count = { 1, math.maxinteger },
  ["forward-to"] = "text", subscription = "text", events = "list", tenant = "text",
}
for name, kind in pairs(client.options) do listen.options[name] = kind end

listen.help = [[
webhook listen - a receiver for development, on this machine

  webhook listen --port 8080
  webhook listen --secret whsec_… --json          verifies; one JSON document a request
  webhook listen --status 503 --delay 2000        to see retries
  webhook listen --forward-to 3000/hook           hands requests on, and the answer back
  webhook listen --events 'order.*' --forward-to localhost:3000/hook --server https://hooks.example.com
  webhook listen --subscription sub_… --forward-to 3000

Prints the address ({"url":…} with --json), then every request.
  --port N       8080; 0 takes a free one
  --secret S     whsec_… or whpk_…: says whether the signature holds; may be repeated
  --status N     what to answer (200)
  --delay MS     how long to wait before answering
  --count N      end after so many requests
]] .. secrets.help .. [[

  --forward-to URL   or host:port/path, or a port: that program gets each request as it is

Without an address that others reach: what a subscription gets is fetched, from the store or a server.
  --events PATTERN   makes one for the time of listening, prints its secret, and deletes it; may be repeated
  --subscription ID  one that was made with the URL poll: also what came while nobody listened. What was
                     handed on has arrived, whatever was answered; webhook replay brings it again
  --tenant NAME      whose that of --events is
]] .. client.help

-- ---------------------------------------------------------------------- what is printed

local function verify(document, given)
  local ok, message, more = webhook.verify(document.headers, document.body, given)
  document.verified = ok or false
  if ok then document.format, document.sequence = message, more else document.problem, document.code = message, more end
end

local function describe(request, given)
  local document = { method = request.method, path = request.path, headers = request.headers, body = request.body,
    type = request.type, event = request.event, delivery = request.delivery }
  if given then verify(document, given) end
  return document
end

-- JSON has no bytes: what is not UTF-8 is shown by question marks, and said to be.
local function encode(document)
  local text = webhook.encode(document)
  if text then return text end
  document.path, document.body, document.utf8 = "?", document.body:gsub("[\x80-\xff]", "?"), false
  for name, value in pairs(document.headers) do document.headers[name] = utf8.len(value) and value or "?" end
  return webhook.encode(document) or '{"problem":"a request that cannot be shown"}'
end

local function outcome_of(document)
  local handed = document.forwarded
  if not handed then return "" end
  return handed.status and ("  -> %d in %d ms"):format(handed.status, handed.ms) or "  -> " .. handed.problem
end

local function show(document, out)
  local verdict = document.verified and "verified" or document.problem and ("NOT VERIFIED: " .. document.problem) or "not checked"
  print(out.plain(("%s %s  %s  %s%s"):format(document.method, document.type or document.path,
    document.headers["webhook-id"] or "-", verdict, outcome_of(document))))
  print("  " .. out.plain(document.body))
end

local function tell(document, out)
  if out.json then print(out.escape(encode(document))) else show(document, out) end
  io.stdout:flush()
end

--- Hands the request on, if it is to be, and says what was answered.
local function pass_on(document, target)
  if not target then return nil end
  local answer, problem, ms = target:send(document)
  document.forwarded = { status = answer and answer.status, problem = problem, ms = ms }
  return answer
end

-- --------------------------------------------------------------------------- listening

-- Answers those whose time has come, which are the first of the list.
local function answer(server, waiting)
  while waiting[1] and waiting[1].due <= core.monotonic() do
    local first = table.remove(waiting, 1)
    server:respond(first.connection, first.status, first.body, first.headers)
  end
end

--- What a request is answered: as it was by who got it, or as the line says.
local function reply_of(values, got)
  if not values["forward-to"] then return { status = values.status or 200 } end
  if not got then return { status = 502 } end
  local kind = got.headers["content-type"]
  return { status = got.status, body = got.body, headers = kind and { "Content-Type: " .. kind } or nil }
end

local function serve(values, out, given, target)
  local server = out.check(core.listener(values.port or 8080))
  local waiting, seen = {}, 0
  core.catch_signals()
  local url = ("http://127.0.0.1:%d/"):format(server:port())
  print(out.json and webhook.encode { url = url } or "listening on " .. url)
  io.stdout:flush()
  while not core.wait_signal(0) and not (values.count and seen >= values.count and #waiting == 0) do
    local request = server:next(#waiting > 0 and 0.01 or 0.2)
    if request then
      local document = describe(request, given)
      local reply = reply_of(values, pass_on(document, target))
      tell(document, out)
      seen = seen + 1
      reply.connection, reply.due = request.connection, core.monotonic() + (values.delay or 0) / 1000
      waiting[#waiting + 1] = reply
    end
    answer(server, waiting)
  end
  server:close()
end

-- ---------------------------------------------------------------------------- fetching

--- One that is made here: its secret verifies, and a program that verifies needs it, too.
local function announce(source, out)
  local document = { subscription = source.subscription, secrets = source.secrets }
  if out.json then
    print(out.encode(document))
  else
    print("listening for " .. source.subscription)
    for _, secret in ipairs(source.secrets or {}) do print(secret) end
  end
  io.stdout:flush()
end

--- Nobody is there to take it: it is not lost, but waits with us until somebody is.
local function hand_on(document, target, out)
  local got = pass_on(document, target)
  local told = false
  while target and not got and not core.wait_signal(1) do
    if not told then out:note("%s; waiting for it", document.forwarded.problem) end
    told = true
    got = pass_on(document, target)
  end
  return not target or got ~= nil
end

local function fetch(values, out, given, target)
  local source <close> = fetched.new(values, out)
  local seen = 0
  given = given or source.secrets
  core.catch_signals()
  announce(source, out)
  while not core.wait_signal(0) and not (values.count and seen >= values.count) do
    local item = source:next()
    if item then
      local document = describe(item, given)
      if not hand_on(document, target, out) then return end
      tell(document, out)
      seen = seen + 1
      source:arrived()
    end
  end
end

local function check_line(values)
  local fetches = values.subscription or values.events
  if values.subscription and values.events then error { usage = "--subscription names one that is there, --events makes one: not both" } end
  if values.server and not fetches then error { usage = "--server is for --subscription and --events" } end
  if values.tenant and not values.events then error { usage = "--tenant is for --events" } end
  for _, name in ipairs { "port", "status", "delay" } do
    if values[name] and fetches then error { usage = ("--%s is for requests that come, not for --subscription and --events"):format(name) } end
  end
  if values.status and values["forward-to"] then error { usage = "--status is answered where nothing is handed on: not with --forward-to" } end
  return fetches
end

function listen.run(values, _, out)
  local fetches = check_line(values)
  local given, target = secrets.read(values, out), forward.of(values["forward-to"])
  if fetches then fetch(values, out, given, target) else serve(values, out, given, target) end
end

return listen
