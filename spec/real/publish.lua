-- The engine's side of real.mjs: three subscriptions, all payloads, until everything is sent.
--   lua5.4 publish.lua STORE PORT FILE   FILE: lines "type<tab>payload"
local webhook = require "webhook"

local store, port, file = arg[1], arg[2], arg[3]
local hooks <close> = assert(webhook.open(store, { allow = { "127.0.0.1" } }))

local rules = {
  filter = [[
    return payload.action == "created" or event.type == "github.push"
  ]],
  project = [[
    local out = { kind = event.type, action = payload.action }
    if payload.sender then out.sender = payload.sender.login end
    local repository = payload.repository
    if repository then out.repository = { id = repository.id, owner = repository.owner } end
    if event.type:find("^exact") then
      out.rate, out.none, out.nested = payload.rate, payload.none, payload.nested
    end
    return out
  ]],
}

for _, name in ipairs { "all", "filter", "project" } do
  local subscription = assert(hooks:subscribe {
    url = ("http://127.0.0.1:%s/%s"):format(port, name),
    rule = rules[name],
  })
  print("secret " .. name .. " " .. subscription.secrets[1])
end
io.stdout:flush()

for line in io.lines(file) do
  local kind, payload = line:match("^(%S-)\t(.*)$")
  print("id " .. assert(hooks:publish(kind, webhook.raw(payload))))
end
assert(hooks:run())

for delivery in hooks:deliveries() do
  assert(delivery.state == "delivered", delivery.id .. " is " .. delivery.state)
end
