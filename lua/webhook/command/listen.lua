local core = require "webhook.core"
local webhook = require "webhook"

local listen = {}

listen.options = { port = "number", secret = "list", status = "number", delay = "number", count = "number" }

listen.help = [[
webhook listen - a receiver for development, on this machine

  webhook listen --port 8080
  webhook listen --secret whsec_… --json          verifies; one JSON document a request
  webhook listen --status 503 --delay 2000        to see retries

Prints the address, then every request.
  --port N       8080; 0 takes a free one
  --secret S     whsec_… or whpk_…: says whether the signature holds; may be repeated
  --status N     what to answer (200)
  --delay MS     how long to wait before answering
  --count N      end after so many requests]]

local function describe(request, values)
  local document = { method = request.method, path = request.path, headers = request.headers, body = request.body }
  if values.secret then
    local ok, message, code = webhook.verify(request.headers, request.body, values.secret)
    document.verified = ok or false
    document.problem, document.code = message, code
  end
  return document
end

local function show(document)
  local verdict = document.verified and "verified" or document.problem and ("NOT VERIFIED: " .. document.problem) or "not checked"
  print(("%s %s  %s  %s"):format(document.method, document.path, document.headers["webhook-id"] or "-", verdict))
  print("  " .. document.body)
end

function listen.run(values, _, out)
  local server = out.check(core.listener(values.port or 8080))
  local waiting, seen = {}, 0
  print(("listening on http://127.0.0.1:%d/"):format(server:port()))
  io.stdout:flush()
  while not (values.count and seen >= values.count and #waiting == 0) do
    local request = server:next(#waiting > 0 and 0.01 or 0.5)
    if request then
      local document = describe(request, values)
      if out.json then print(webhook.encode(document)) else show(document) end
      io.stdout:flush()
      seen = seen + 1
      waiting[#waiting + 1] = { connection = request.connection, due = core.monotonic() + (values.delay or 0) / 1000 }
    end
    while waiting[1] and waiting[1].due <= core.monotonic() do
      server:respond(table.remove(waiting, 1).connection, values.status or 200)
    end
  end
  server:close()
end

return listen
