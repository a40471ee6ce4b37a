-- Real payloads (GitHub's, from the MIT-licensed @octokit/webhooks-examples), two
-- subscriptions with rules, a receiver that verifies every signature.
local webhook = require "webhook"

local here = arg[0]:match("^(.*)/[^/]*$") or "."
local command = ("lua5.4 '%s/../lua/bin/webhook'"):format(here)
local store = os.tmpname()

-- One subscription gets stars and releases only; the other gets everything, cut down to
-- three members. Both are ordinary Lua, run on every payload, inside a sandbox.
local filter = [[
  return event.type == "github.star" or event.type == "github.release"
]]
local project = [[
  if not payload.sender then return false end
  return { what = event.type, who = payload.sender.login, repository = payload.repository and payload.repository.full_name }
]]

local secret = webhook.secret()
local receiver = assert(io.popen(("%s listen --port 0 --json --count 6 --secret '%s'"):format(command, secret)))
local url = assert(receiver:read("l"):match('(http://[^"%s]+)'), "the receiver did not start")
print("A receiver listens on " .. url)

local hooks <close> = assert(webhook.open(store, { allow = { "127.0.0.1" } }))
assert(hooks:subscribe { name = "filter", url = url .. "filter", events = { "github.*" }, rule = filter, secrets = { secret } })
assert(hooks:subscribe { name = "project", url = url .. "project", events = { "github.*" }, rule = project, secrets = { secret } })

for _, name in ipairs { "ping", "star", "issues", "push", "release" } do
  local file <close> = assert(io.open(("%s/payloads/github.%s.json"):format(here, name)))
  local text = file:read("a")
  local id = assert(hooks:publish("github." .. name, webhook.raw(text)))
  print(("published %s  github.%s, %d bytes"):format(id, name, #text))
end
assert(hooks:run())

print "\nWhat arrived:"
for line in receiver:lines() do
  local request = webhook.decode(line)
  local body = #request.body > 100 and ("%d bytes, unchanged"):format(#request.body) or request.body
  print(("  %-9s %s  signature %s  %s"):format(request.path, request.headers["webhook-id"], request.verified and "verified" or "WRONG", body))
end
receiver:close()

print "\nThe filter dropped ping, issues and push; the projection sent a few members of each."
print "Try the same by hand, in this order:"
print(("  export LUA_PATH='%s' LUA_CPATH='%s'"):format(os.getenv "LUA_PATH" or "", os.getenv "LUA_CPATH" or ""))
print(("  %s listen --port 8080 &"):format(command))
print(("  %s subscriptions add http://127.0.0.1:8080/ --events 'order.*'"):format(command))
print(("  echo '{\"id\":7}' | %s publish order.paid -"):format(command))
print(("  %s run --until-idle --allow 127.0.0.1"):format(command))
print "or read README.md."
for _, ending in ipairs { "", "-wal", "-shm" } do os.remove(store .. ending) end
