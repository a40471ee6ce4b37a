-- A plain loop: the program does its own work and lets the engine do its own in between.
-- The receiver is the one of the command `webhook listen`, in the same thread.
local core = require "webhook.core"
local webhook = require "webhook"

local receiver = assert(core.listener(0))
local hooks <close> = assert(webhook.open(":memory:", { allow = { "127.0.0.1" } }))
local subscription = assert(hooks:subscribe { url = ("http://127.0.0.1:%d/"):format(receiver:port()) })

for i = 1, 3 do
  assert(hooks:publish("order.paid", { id = i }))
end

local received = 0
while received < 3 do
  -- The program's own work would be here.
  assert(hooks:step())
  local request = receiver:next(0.01)
  if request then
    assert(webhook.verify(request.headers, request.body, subscription.secrets))
    print("received", request.body)
    receiver:respond(request.connection, 204)
    received = received + 1
  end
end
assert(hooks:idle() or hooks:step())
receiver:close()
