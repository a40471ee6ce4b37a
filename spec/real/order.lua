-- The engine's side of order.mjs: a subscription ordered by key and one without an order, until
-- everything is delivered.
--   lua5.4 order.lua STORE PORT EVENTS KEYS
local core = require "webhook.core"
local webhook = require "webhook"

local store, port, events, keys = arg[1], arg[2], tonumber(arg[3]), tonumber(arg[4])
local hooks <close> = assert(webhook.open(store, { allow = { "127.0.0.1" } }))

for path, order in pairs { ordered = "key", plain = "none" } do
  local retry = { 0 }
  for n = 2, 30 do retry[n] = 5 end
  local subscription = assert(hooks:subscribe { url = ("http://127.0.0.1:%s/%s"):format(port, path), order = order, retry = retry })
  print("secret " .. path .. " " .. subscription.secrets[1])
end
io.stdout:flush()

for n = 1, events do
  local key = "k" .. n % keys
  assert(hooks:publish("a", { n = n, key = key }, { key = key }))
end
assert(hooks:start(2))
while #assert(hooks:page("deliveries", { state = "waiting", limit = 1 })).items > 0 or not hooks:idle() do core.wait_signal(0.01) end
for delivery in hooks:deliveries() do
  assert(delivery.state == "delivered", delivery.id .. " is " .. delivery.state)
end
