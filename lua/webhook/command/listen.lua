local core = require "webhook.core"
local webhook = require "webhook"
local secrets = require "webhook.command.secrets"

local listen = { words = 0 }

listen.options = secrets.options {
  port = { 0, 65535 }, status = { 200, 599 }, delay = { 0, 3600000 }, count = { 1, math.maxinteger },
}

listen.help = [[
webhook listen - a receiver for development, on this machine

  webhook listen --port 8080
  webhook listen --secret whsec_… --json          verifies; one JSON document a request
  webhook listen --status 503 --delay 2000        to see retries

Prints the address ({"url":…} with --json), then every request.
  --port N       8080; 0 takes a free one
  --secret S     whsec_… or whpk_…: says whether the signature holds; may be repeated
  --status N     what to answer (200)
  --delay MS     how long to wait before answering
  --count N      end after so many requests
]] .. secrets.help

local function describe(request, secrets)
  local document = { method = request.method, path = request.path, headers = request.headers, body = request.body }
  if secrets then
    local ok, message, more = webhook.verify(request.headers, request.body, secrets)
    document.verified = ok or false
    if ok then document.format, document.sequence = message, more else document.problem, document.code = message, more end
  end
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

local function show(document, out)
  local verdict = document.verified and "verified" or document.problem and ("NOT VERIFIED: " .. document.problem) or "not checked"
  print(out.plain(("%s %s  %s  %s"):format(document.method, document.path, document.headers["webhook-id"] or "-", verdict)))
  print("  " .. out.plain(document.body))
end

-- Answers those whose time has come, which are the first of the list.
local function answer(server, waiting, status)
  while waiting[1] and waiting[1].due <= core.monotonic() do
    server:respond(table.remove(waiting, 1).connection, status)
  end
end

function listen.run(values, _, out)
  local given = secrets.read(values, out)
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
      if out.json then print(out.escape(encode(document))) else show(document, out) end
      io.stdout:flush()
      seen = seen + 1
      waiting[#waiting + 1] = { connection = request.connection, due = core.monotonic() + (values.delay or 0) / 1000 }
    end
    answer(server, waiting, values.status or 200)
  end
  server:close()
end

return listen
